-- JSON Schema: astrid_validate, and the schemas of queues. The official test suite runs in tests/tap/330_json_schema.pl.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;

-- each keyword once: a value that matches has no row
CREATE TEMP TABLE cases (n serial, schema jsonb, value jsonb);
INSERT INTO cases (schema, value) VALUES
    ('true', '1'), ('false', '1'), ('{}', 'null'),
    ('{"type": "integer"}', '1.0'), ('{"type": "integer"}', '1.5'), ('{"type": ["null", "array"]}', '{}'),
    ('{"enum": [1, "a", {"b": [2]}]}', '{"b": [2.0]}'), ('{"enum": [1, "a"]}', '"b"'), ('{"const": false}', '0'),
    ('{"minimum": 3}', '3'), ('{"minimum": 3}', '2.99'), ('{"maximum": 3}', '3.01'),
    ('{"exclusiveMinimum": 3}', '3'), ('{"exclusiveMaximum": 3}', '3.00'),
    ('{"multipleOf": 0.01}', '19.99'), ('{"multipleOf": 0.01}', '19.999'), ('{"multipleOf": 7}', '1e30'),
    ('{"minLength": 2, "maxLength": 2}', '"ab"'), ('{"minLength": 3}', '"ab"'), ('{"maxLength": 1}', '"ab"'),
    ('{"pattern": "^[a-z]+\\d$"}', '"ab1"'), ('{"pattern": "^[a-z]+\\d$"}', '"ab1x"'),
    ('{"format": "date"}', '"2024-02-29"'), ('{"format": "date"}', '"2023-02-29"'), ('{"format": "unheard-of"}', '"x"'),
    ('{"items": {"type": "string"}}', '["a", 1, "b", 2]'),
    ('{"items": [true, {"type": "string"}], "additionalItems": {"type": "null"}}', '[1, 2, null, 3]'),
    ('{"items": [true], "additionalItems": false}', '[1, 2]'), ('{"additionalItems": false}', '[1, 2]'),
    ('{"minItems": 1}', '[]'), ('{"maxItems": 1}', '[1, 2]'),
    ('{"uniqueItems": true}', '[1, "1", true, [1], {"a": 1}]'), ('{"uniqueItems": true}', '[{"a": [1]}, 2, {"a": [1.0]}]'),
    ('{"contains": {"const": 2}}', '[1, 2]'), ('{"contains": {"const": 2}}', '[1]'),
    ('{"minProperties": 1}', '{}'), ('{"maxProperties": 1}', '{"a": 1, "b": 2}'),
    ('{"required": ["a", "b", "a"]}', '{"a": 1}'),
    ('{"properties": {"a": {"type": "string"}, "b": false}}', '{"a": 1, "b": 1}'),
    ('{"patternProperties": {"^n_": {"type": "integer"}}}', '{"n_a": "x", "b": "x"}'),
    ('{"properties": {"a": true}, "patternProperties": {"^n_": true}, "additionalProperties": false}', '{"a": 1, "n_": 1, "b": 1}'),
    ('{"additionalProperties": {"type": "integer"}}', '{"a": "x"}'),
    ('{"dependencies": {"a": ["b", "c"]}}', '{"a": 1}'), ('{"dependencies": {"a": {"required": ["d"]}}}', '{"a": 1}'),
    ('{"propertyNames": {"maxLength": 2}}', '{"abc": 1, "a": 2}'),
    ('{"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}', '"a"'),
    ('{"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}', '1'),
    ('{"allOf": [{"minimum": 2}, {"multipleOf": 2}]}', '1'), ('{"anyOf": [{"minimum": 2}, {"type": "null"}]}', '1'),
    ('{"oneOf": [{"minimum": 2}, {"multipleOf": 2}]}', '4'), ('{"oneOf": [{"minimum": 2}, {"multipleOf": 2}]}', '1'),
    ('{"not": {"type": "null"}}', 'null'),
    ('{"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"type": "null"}}}', '1'),
    ('{"allOf": [{"$ref": "#x"}], "definitions": {"x": {"$id": "#x", "minimum": 2}}}', '1'),
    ('{"$id": "http://e.org/s/", "$ref": "http://json-schema.org/draft-07/schema#"}', '{"minLength": -1}'),
    ('{"properties": {"next": {"$ref": "#"}}, "required": ["v"]}', '{"v": 1, "next": {"v": 2, "next": {}}}');
SELECT n, c.schema, c.value, path, keyword, message
  FROM cases c LEFT JOIN LATERAL astrid_validate(c.schema, c.value) ON true ORDER BY n, path, keyword;

-- all errors at once, where they are, escaped as RFC 6901 says
SELECT * FROM astrid_validate('{"properties": {"a/b": {"items": {"properties": {"c~d": {"type": "null"}}}}, "e": {"minimum": 5}},
    "required": ["f", "g"], "additionalProperties": false}', '{"a/b": [{}, {"c~d": 1}], "e": 4, "h": 0}');
SELECT count(*), count(DISTINCT path) FROM astrid_validate('{"items": false}', (SELECT jsonb_agg(i) FROM generate_series(1, 1000) i));
SELECT * FROM astrid_validate(NULL, '1');
SELECT * FROM astrid_validate('{}', NULL);

-- patterns: ECMA-262 with PostgreSQL's engine
SELECT pattern, text, NOT EXISTS (SELECT FROM astrid_validate(jsonb_build_object('pattern', pattern), to_jsonb(text))) AS matches
  FROM (VALUES ('a.c', E'a\nc'), ('a[^]c', E'a\nc'), ('a[]c', 'ac'), ('^\s$', E'\x0b'), ('^\S$', 'x'), ('[\S]', ' '),
               ('^\w+$', 'abc_1'), ('^\w$', '-'), ('^\W$', '-'), ('^[^\W\d]$', '1'), ('\bcat\b', 'a cat!'), ('\bcat\b', 'cats'),
               ('^\u0061\x41\cJ$', E'aA\n'), ('^\u{62}$', 'b'),
               ('^(?<year>\d{4})-(?:\d{2})$', '2026-11'), ('^a{2,}?$', 'aaa'), ('^{a}$', '{a}'), ('^a]$', 'a]'),
               ('^(?!x)(?=a).*(?<=b)(?<!c)$', 'ab'), ('^[\]\-^a-c]+$', 'a]-^'), ('^(?=(?=(?=(?=(?=a)))))[ab]+$', 'abababababab'), ('^[a-]$', '-'), ('^(|a)$', ''), ('^()$', ''),
               ('^\$\^\/$', '$^/'), ('(?:a|b)+?c', 'xabc')) v (pattern, text);

-- refused when it is set, naming the place
CREATE FUNCTION pg_temp.try(schema jsonb, value jsonb DEFAULT '1') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    n bigint;
BEGIN
    SELECT count(*) INTO n FROM astrid.validate(schema, value);
    RETURN n || ' errors';
EXCEPTION WHEN SQLSTATE 'QJ006' OR SQLSTATE 'QJ010' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || regexp_replace(detail, '^It is no JSON Schema that astrid can check: ', '');
END
$$;
SELECT schema, pg_temp.try(schema::jsonb) FROM (VALUES
    ('1'), ('null'), ('[]'), ('{"properties": {"a": 1}}'), ('{"type": "float"}'), ('{"type": []}'), ('{"type": [1]}'),
    ('{"enum": 1}'), ('{"minimum": "1"}'), ('{"exclusiveMinimum": true}'), ('{"multipleOf": 0}'), ('{"minLength": -1}'),
    ('{"maxItems": 1.5}'), ('{"uniqueItems": 1}'), ('{"items": {"pattern": 1}}'), ('{"format": 1}'), ('{"required": "a"}'),
    ('{"required": [1]}'), ('{"properties": []}'), ('{"allOf": []}'), ('{"allOf": [{}, 1]}'), ('{"not": 1}'),
    ('{"dependencies": {"a": [1]}}'), ('{"dependencies": {"a": "b"}}'), ('{"definitions": {"unused": {"not": 1}}}'),
    ('{"$schema": "http://json-schema.org/draft-04/schema#"}'), ('{"$schema": "http://json-schema.org/draft-07/schema#"}'),
    ('{"$ref": 1}'), ('{"$ref": "#/definitions/a"}'), ('{"$ref": "#/required", "required": ["a"]}'), ('{"$ref": "#none"}'),
    ('{"$ref": "http://example.org/schema.json"}'), ('{"$ref": "file:///etc/passwd"}'), ('{"$id": 1}'), ('{"$id": "a#b"}'),
    ('{"definitions": {"a": {"$id": "#x"}, "b": {"$id": "#x"}}}'),
    ('{"pattern": "("}'), ('{"pattern": ")"}'), ('{"pattern": "[a"}'), ('{"pattern": "*"}'), ('{"pattern": "a**"}'), ('{"pattern": "***=a"}'),
    ('{"pattern": "a{300}"}'), ('{"pattern": "a{2,1}"}'), ('{"pattern": "[b-a]"}'), ('{"pattern": "(a)\\1"}'), ('{"pattern": "(?<n>a)\\k<n>"}'),
    ('{"pattern": "\\p{L}"}'), ('{"pattern": "\\Z"}'), ('{"pattern": "(?i)a"}'), ('{"pattern": "a\\"}'), ('{"pattern": "\\u12"}'),
    ('{"patternProperties": {"(": true}}')) v (schema);

-- hostile schemas and values: refused, none of them slow
CREATE FUNCTION pg_temp.nest(head text, core text, tail text, n int) RETURNS jsonb
    LANGUAGE sql AS $$ SELECT (repeat(head, n) || core || repeat(tail, n))::jsonb $$;
SELECT pg_temp.try('{"$ref": "#"}') AS self, pg_temp.try('{"anyOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"not": {"$ref": "#"}}}}') AS ring;
SELECT left(pg_temp.try(pg_temp.nest('{"not": ', '{}', '}', 101)), 30) AS nested;
SELECT pg_temp.try(jsonb_build_object('$ref', '#/definitions/0', 'definitions', (SELECT jsonb_object_agg(i, jsonb_build_object('$ref', '#/definitions/' || i + 1))
    FROM generate_series(0, 200) i) || '{"201": true}')) AS chain;
SELECT pg_temp.try((SELECT jsonb_build_object('allOf', jsonb_agg('{}'::jsonb)) FROM generate_series(1, 10000))) AS nodes;
SELECT pg_temp.try(jsonb_build_object('title', repeat('x', 270000))) AS bytes;
SELECT pg_temp.try(jsonb_build_object('pattern', repeat('a', 1001))) AS pattern_length,
       pg_temp.try('{"pattern": "((((a{200}){200}){200}){200}){200}"}') AS pattern_cost;
SELECT pg_temp.try((SELECT jsonb_build_object('properties', jsonb_object_agg(i, '{"pattern": "(?:ab){250}(?:ab){250}"}'::jsonb))
    FROM generate_series(1, 200) i)) AS patterns;
SELECT pg_temp.try(jsonb_build_object('multipleOf', (repeat('7', 2000))::numeric)) AS divisor;
SELECT pg_temp.try((SELECT jsonb_build_object('$ref', '#/definitions/0', 'definitions', jsonb_object_agg(i, jsonb_build_object('allOf',
    jsonb_build_array(jsonb_build_object('$ref', '#/definitions/' || i + 1), jsonb_build_object('$ref', '#/definitions/' || i + 1)))) || '{"30": {}}')
    FROM generate_series(0, 29) i)) AS doubled;
SELECT pg_temp.try('{"items": {"$ref": "#"}}', pg_temp.nest('[', '', ']', 2000)) AS deep;
SELECT pg_temp.try('{"items": {"$ref": "#"}}', pg_temp.nest('[', '', ']', 900)) AS not_too_deep;
SELECT pg_temp.try('{"pattern": "^(a+)+$"}', to_jsonb(repeat('a', 100000) || 'b')) AS linear,
       pg_temp.try('{"pattern": "(?=a*b)x"}', to_jsonb(repeat('a', 100000))) AS quadratic;
SELECT pg_temp.try('{"uniqueItems": true}', (SELECT jsonb_agg(i) FROM generate_series(1, 100000) i)) AS many_items;
SELECT pg_temp.try('{"multipleOf": 0.07}', '1e100000') AS many_digits;
SELECT sum(length(path) + length(message)) < 300000 AS bounded, count(*) < 100 AS cut
  FROM astrid_validate('{"additionalProperties": false}', (SELECT jsonb_object_agg(i || repeat('x', 10000), 1) FROM generate_series(1, 100) i));

-- queues: an invalid schema is refused, JSON null removes one
SELECT astrid_create_queue('sch', payload_schema => '{"properties": {"ra": {"minimum": "zero"}}}');
SELECT astrid_create_queue('sch', payload_schema => '{"type": "object", "required": ["ra", "dec"],
    "properties": {"ra": {"minimum": 0, "exclusiveMaximum": 360}, "dec": {"minimum": -90, "maximum": 90}}}');
SELECT astrid_alter_queue('sch', result_schema => '{"items": {"type": "str"}}');
SELECT astrid_alter_queue('sch', result_schema => '{"required": ["n"], "properties": {"n": {"type": "integer"}}}');

-- enqueue: all or nothing, every payload of a batch is looked at
SELECT astrid_enqueue('sch', '{"ra": 10, "dec": -20}') > 0 AS enqueued;
SELECT astrid_enqueue('sch', '{"ra": 360, "dec": -91}');
SELECT astrid_enqueue('sch', '[]') > 0 AS enqueued;
SELECT astrid_enqueue('sch', NULL);
SELECT astrid_enqueue_batch('sch', ARRAY['{"ra": 1, "dec": 1}', '{"ra": -1, "dec": 1}', '{"ra": 1}', '{"ra": 2, "dec": 2}']::jsonb[]);
SELECT astrid_enqueue('sch', '{"ra": 400}', run_at => now() + interval '1 day');
SELECT ready, scheduled FROM astrid.queue_status WHERE queue_name = 'sch';
SELECT count(*) FROM astrid_enqueue_batch('sch', ARRAY['{"ra": 1, "dec": 1}', '{"ra": 2, "dec": 2}']::jsonb[]);

-- complete: refused, and the job goes on running
SELECT job_id AS a, lease_id AS la FROM astrid_claim('{sch}', 'w') \gset
SELECT job_id AS b, lease_id AS lb FROM astrid_claim('{sch}', 'w') \gset
SELECT astrid_complete(:a, :la, '{"n": 1.5}');
SELECT astrid_complete(:a, 0, '{}') AS lost_lease_comes_first;
SELECT ready, running FROM astrid.queue_status WHERE queue_name = 'sch';
\set VERBOSITY terse
SELECT astrid_complete_batch(ARRAY[:a, :b], ARRAY[:la, :lb], ARRAY['{"n": 1}', '{}']::jsonb[]);
SELECT count(*) FROM astrid_complete_and_claim(ARRAY[:a, :b], ARRAY[:la, :lb], ARRAY['{"n": "x"}', '{}']::jsonb[], '{sch}', 'w');
\set VERBOSITY default
DO $$
DECLARE
    job record;
    detail text;
BEGIN
    SELECT array_agg(job_id ORDER BY job_id) ids, array_agg(lease_id ORDER BY job_id) leases INTO job FROM astrid.job_status WHERE queue_name = 'sch' AND state = 'running';
    PERFORM astrid_complete_batch(job.ids, job.leases, ARRAY['{"n": "x"}', '{}']::jsonb[]);
EXCEPTION WHEN SQLSTATE 'QJ010' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE WARNING '%', replace(replace(detail, job.ids[1]::text, '(first)'), job.ids[2]::text, '(second)');
END
$$;
SELECT running FROM astrid.queue_status WHERE queue_name = 'sch';
SELECT astrid_complete(:a, :la, '{"n": 1}');
SELECT astrid_alter_queue('sch', result_schema => '{"type": "object"}');
SELECT astrid_complete(:b, :lb);
SELECT astrid_alter_queue('sch', result_schema => 'null');
SELECT astrid_complete(:b, :lb);

-- a change is obeyed at once; a job enqueued before keeps its payload
SELECT astrid_alter_queue('sch', payload_schema => '{"maxProperties": 1}');
SELECT astrid_enqueue('sch', '{"ra": 10, "dec": -20}');
SELECT payload FROM astrid_claim('{sch}', 'w');
SELECT astrid_alter_queue('sch', payload_schema => 'null');
SELECT astrid_enqueue('sch', '{"ra": 10, "dec": -20}') > 0 AS enqueued;
SELECT payload_schema IS NULL AS removed FROM astrid.queue_status WHERE queue_name = 'sch';
SELECT astrid_drop_queue('sch');
