-- Reading what a worker sent. Results come from programs and may be garbage: every error names stage and field.
CREATE FUNCTION sky.stage_result(results jsonb, stage text, required boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found jsonb;
BEGIN
    IF jsonb_typeof(results) IS DISTINCT FROM 'array' THEN
        PERFORM sky.refuse('results must be a JSON array', format('It is %s.', COALESCE(jsonb_typeof(results), 'null')));
    END IF;
    SELECT e INTO found FROM jsonb_array_elements(results) WITH ORDINALITY AS r (e, n)
    WHERE e ->> 'stage' = stage_result.stage ORDER BY n DESC LIMIT 1;
    IF found IS NULL AND required THEN
        PERFORM sky.refuse(format('results hold no step of the stage "%s"', stage));
    END IF;
    IF found IS NOT NULL AND jsonb_typeof(found -> 'result') IS DISTINCT FROM 'object' THEN
        PERFORM sky.refuse(format('result of stage "%s": field "result" must be an object', stage));
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.stage_result(jsonb, text, boolean) IS 'the last step of a stage in results; refuses by name where it is missing';

-- Where a field was looked for, in words. "payload" is the job's, all else is a stage.
CREATE FUNCTION sky.origin(stage text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE stage WHEN 'payload' THEN 'payload' ELSE format('result of stage "%s"', stage) END
$$;
COMMENT ON FUNCTION sky.origin(text) IS 'where a field was looked for, in words for an error';

CREATE FUNCTION sky.number_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := jsonb_typeof(doc -> field);
BEGIN
    IF kind IS NULL OR kind = 'null' THEN
        IF required THEN
            PERFORM sky.refuse(format('%s: field "%s" is missing', sky.origin(stage), field));
        END IF;
        RETURN NULL;
    END IF;
    -- A JSON number may exceed what float8 holds.
    IF kind <> 'number' OR abs((doc ->> field)::numeric) > 1e300 THEN
        PERFORM sky.refuse(format('%s: field "%s" must be a finite number', sky.origin(stage), field),
                           format('It is %s.', left(doc ->> field, 100)));
    END IF;
    RETURN (doc ->> field)::numeric::float8;
END $$;
COMMENT ON FUNCTION sky.number_field(jsonb, text, text, boolean) IS 'a number of a result; null where absent and not required';

CREATE FUNCTION sky.integer_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    value float8 := sky.number_field(doc, field, stage, required);
BEGIN
    IF value <> trunc(value) OR abs(value) > 9e15 THEN
        PERFORM sky.refuse(format('%s: field "%s" must be an integer', sky.origin(stage), field),
                           format('It is %s.', doc ->> field));
    END IF;
    RETURN value::bigint;
END $$;
COMMENT ON FUNCTION sky.integer_field(jsonb, text, text, boolean) IS 'an integer of a result; null where absent and not required';

CREATE FUNCTION sky.text_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := jsonb_typeof(doc -> field);
BEGIN
    IF kind IN ('object', 'array') THEN
        PERFORM sky.refuse(format('%s: field "%s" must be text', sky.origin(stage), field));
    END IF;
    IF required AND COALESCE(doc ->> field, '') = '' THEN
        PERFORM sky.refuse(format('%s: field "%s" is missing', sky.origin(stage), field));
    END IF;
    RETURN NULLIF(doc ->> field, '');
END $$;
COMMENT ON FUNCTION sky.text_field(jsonb, text, text, boolean) IS 'a text of a result; null where absent or empty and not required';

CREATE FUNCTION sky.output_field(step jsonb, role text, required boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    output jsonb := step -> 'outputs' -> role;
BEGIN
    IF COALESCE(output ->> 'uri', '') = '' THEN
        IF required THEN
            PERFORM sky.refuse(format('result of stage "%s": output "%s" has no uri', step ->> 'stage', role));
        END IF;
        RETURN NULL;
    END IF;
    RETURN output;
END $$;
COMMENT ON FUNCTION sky.output_field(jsonb, text, boolean) IS 'an output file of a step: {"uri", "sha256", "bytes"}';
