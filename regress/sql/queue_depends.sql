-- Jobs that wait for jobs.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('de', max_attempts => 1);
SELECT astrid_enqueue('de', '"a"') AS a \gset
SELECT astrid_enqueue('de', '"b"') AS b \gset
SELECT astrid_enqueue('de', '"c"', depends_on => ARRAY[:a, :b, :a]) AS c \gset
SELECT astrid_enqueue('de', '"d"', depends_on => ARRAY[:c]) AS d \gset
SELECT astrid_enqueue('de', '"later"', depends_on => ARRAY[:a], run_at => 'infinity') AS later \gset
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'de' ORDER BY job_id;
SELECT astrid_job(:c) -> 'depends_on' = jsonb_build_array(:a, :b) AS depends_on;

-- completed one by one
SELECT job_id, lease_id, payload FROM astrid_claim(ARRAY['de'], 'w') \gset
SELECT astrid_complete(:job_id, :lease_id);
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'de' ORDER BY job_id;
SELECT job_id, lease_id FROM astrid_claim(ARRAY['de'], 'w') \gset
SELECT payload FROM astrid_complete_and_claim(ARRAY[:job_id], ARRAY[:lease_id], NULL, ARRAY['de'], 'w');
SELECT astrid_complete(job_id, lease_id) FROM astrid.job_status WHERE job_id = :c;
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'de' ORDER BY job_id;
SELECT count(*) FROM astrid.dependency;

-- parents completed before, in the same transaction, dead and revived
SELECT astrid_enqueue('de', '"e"', depends_on => ARRAY[:a, :c]) AS e \gset
SELECT state FROM astrid.job_status WHERE job_id = :e;
SELECT job_id, lease_id, payload FROM astrid_claim(ARRAY['de'], 'w') \gset
SELECT :'payload' AS claimed, astrid_fail(:job_id, :lease_id, 'dies');
SELECT astrid_enqueue('de', '"f"', depends_on => ARRAY[:d]) AS f \gset
SELECT state FROM astrid.job_status WHERE job_id = :f;
SELECT astrid_retry(:d);
BEGIN;
SELECT astrid_enqueue('de', '"g"', depends_on => ARRAY[astrid_enqueue('de', '"parent"')]) AS g \gset
SELECT state FROM astrid.job_status WHERE job_id = :g;
COMMIT;
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim(ARRAY['de'], 'w', 10);
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'de' ORDER BY job_id;

-- what is refused: no such parent, a cancelled one
SELECT astrid_enqueue('de', '{}', depends_on => ARRAY[-1]);
SELECT astrid_enqueue('de', '{}', depends_on => ARRAY[NULL::bigint]);
SELECT astrid_cancel(:f);
\set VERBOSITY sqlstate
SELECT astrid_enqueue('de', '{}', depends_on => ARRAY[:f]);
\set VERBOSITY default
SELECT astrid_enqueue('de', '"free"', depends_on => '{}') AS free \gset
SELECT state FROM astrid.job_status WHERE job_id = :free;

-- any: the first parent that completes is enough
SELECT astrid_create_queue('any', max_attempts => 1);
CREATE FUNCTION pg_temp.parents(n int) RETURNS bigint[] LANGUAGE sql AS
    $$ SELECT array_agg(j ORDER BY j) FROM astrid_enqueue_batch('any', array_fill('"p"'::jsonb, ARRAY[n])) j $$;
CREATE FUNCTION pg_temp.claim_in_order() RETURNS TABLE (job_id bigint, lease_id bigint) LANGUAGE sql AS
    $$ SELECT c.job_id, c.lease_id FROM astrid_claim(ARRAY['any'], 'w', 1) c $$;
CREATE FUNCTION pg_temp.complete_next() RETURNS boolean LANGUAGE sql AS
    $$ SELECT astrid_complete(job_id, lease_id) FROM pg_temp.claim_in_order() $$;
CREATE FUNCTION pg_temp.fail_next() RETURNS text LANGUAGE sql AS
    $$ SELECT astrid_fail(job_id, lease_id, 'dies') FROM pg_temp.claim_in_order() $$;
SELECT pg_temp.parents(3) AS p \gset
SELECT astrid_enqueue('any', '"one"', depends_on => :'p', depends_mode => 'any', priority => 9) AS one \gset
SELECT astrid_enqueue('any', '"later"', depends_on => :'p', depends_mode => 'any', run_at => 'infinity') AS later \gset
SELECT astrid_why(:one) ~ '^blocked: waits for the first of job \d+ \(ready\), job' AS why;
SELECT pg_temp.complete_next();
SELECT state FROM astrid.job_status WHERE job_id IN (:one, :later) ORDER BY job_id;
-- the others still name them; that means nothing
SELECT cardinality(child_ids) AS children, astrid_job(:one) -> 'depends_on' AS depends_on FROM astrid.dependency WHERE :one = ANY (child_ids);
SELECT astrid_enqueue('any', '"done"', depends_on => :'p', depends_mode => 'any') AS done \gset
SELECT state FROM astrid.job_status WHERE job_id = :done;
SELECT astrid_clear_queue('any', '{ready,scheduled}');

-- failure: wait for a redrive (the default), cancel, run
SELECT pg_temp.parents(1) AS p \gset
SELECT astrid_enqueue('any', '"wait"', depends_on => :'p', depends_failure => 'wait') AS waits \gset
SELECT astrid_enqueue('any', '"cancel"', depends_on => :'p', depends_failure => 'cancel', unique_key => 'k') AS cancels \gset
SELECT astrid_enqueue('any', '"child of cancel"', depends_on => ARRAY[:cancels]) AS cancels_too \gset
SELECT astrid_enqueue('any', '"run"', depends_on => :'p', depends_failure => 'run', priority => 9) AS runs \gset
SELECT pg_temp.fail_next();
SELECT payload, state, replace(replace(error, (:'p'::bigint[])[1]::text, '<p>'), :'cancels', '<c>') AS error FROM astrid.job_status
 WHERE job_id IN (:waits, :cancels, :cancels_too, :runs) ORDER BY job_id;
SELECT count(*) FROM astrid.unique_key WHERE job_id = :cancels;
SELECT parent_id = (:'p'::bigint[])[1] AS waits_for_the_dead_one FROM astrid.dependency;
-- later: it is dead already
SELECT astrid_enqueue('any', '"wait"', depends_on => :'p') AS waits_2 \gset
SELECT astrid_enqueue('any', '"cancel"', depends_on => :'p', depends_failure => 'cancel', unique_key => 'k') AS cancels_2 \gset
SELECT astrid_enqueue('any', '"run"', depends_on => :'p', depends_failure => 'run', priority => 9) AS runs_2 \gset
SELECT payload, state FROM astrid.job_status WHERE job_id IN (:waits_2, :cancels_2, :runs_2) ORDER BY job_id;
SELECT count(*) FROM astrid.unique_key WHERE job_id = :cancels_2;
SELECT astrid_redrive('any');
SELECT pg_temp.complete_next();
SELECT payload, state FROM astrid.job_status WHERE job_id IN (:waits, :waits_2) ORDER BY job_id;
SELECT astrid_clear_queue('any', '{ready}');

-- a cancelled or deleted parent comes back never: wait means cancel
SELECT pg_temp.parents(2) AS p \gset
SELECT astrid_enqueue('any', '"both"', depends_on => :'p') AS both \gset
SELECT astrid_enqueue('any', '"any"', depends_on => :'p', depends_mode => 'any') AS either \gset
SELECT astrid_enqueue('any', '"run"', depends_on => :'p', depends_failure => 'run', priority => 9) AS runs \gset
SELECT astrid_cancel((:'p'::bigint[])[1]);
SELECT payload, state FROM astrid.job_status WHERE job_id IN (:both, :either, :runs) ORDER BY job_id;
SELECT astrid_clear_queue('any', '{ready}');
SELECT payload, state, replace(error, (:'p'::bigint[])[2]::text, '<p>') ~ 'job <p>, which it depends on, was deleted' AS deleted
  FROM astrid.job_status WHERE job_id IN (:either, :runs) ORDER BY job_id;
SELECT astrid_clear_queue('any', '{ready,dead}');

-- any, with a parent that fails under cancel: waits for the other
SELECT pg_temp.parents(2) AS p \gset
SELECT astrid_enqueue('any', '"any"', depends_on => :'p', depends_mode => 'any', depends_failure => 'cancel') AS either \gset
SELECT pg_temp.fail_next();
SELECT state FROM astrid.job_status WHERE job_id = :either;
SELECT pg_temp.fail_next();
SELECT state FROM astrid.job_status WHERE job_id = :either;

-- a parent's queue is dropped
SELECT astrid_enqueue('de', '"child"', depends_on => ARRAY[astrid_enqueue('any', '"parent"')]) AS child \gset
SELECT astrid_drop_queue('any');
SELECT state FROM astrid.job_status WHERE job_id = :child;

-- a batch: all its jobs wait for the same
SELECT astrid_enqueue('de', '"parent"', priority => -9) AS p \gset
SELECT count(*) FROM astrid_enqueue_batch('de', array_fill('"child"'::jsonb, ARRAY[2000]), depends_on => ARRAY[:p]);
SELECT count(*), sum(cardinality(child_ids)), max(cardinality(child_ids)) FROM astrid.dependency WHERE parent_id = :p;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['de'], 'w');
SELECT state, count(*), count(DISTINCT job_id) FROM astrid.job_status WHERE queue_name = 'de' AND payload = '"child"' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM astrid.dependency;

-- many parents, counted down in place; astrid_why and astrid_job know those that are left
SELECT astrid_create_queue('join');
SELECT array_agg(j ORDER BY j) AS ps FROM astrid_enqueue_batch('join', array_fill('"p"'::jsonb, ARRAY[300])) j \gset
SELECT astrid_enqueue('join', '"join"', depends_on => :'ps') AS child \gset
CREATE FUNCTION pg_temp.complete(n int) RETURNS int LANGUAGE sql AS
    $$ SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim(ARRAY['join'], 'w', n) $$;
SELECT pg_temp.complete(1), pg_temp.complete(100), pg_temp.complete(1);
SELECT state, parents_left, cardinality(parents) AS parents, jsonb_array_length(astrid_job(job_id) -> 'depends_on') AS depends_on,
       astrid_why(job_id) ~ format('^blocked: waits for job %s', (:'ps'::bigint[])[103]) AS why
  FROM astrid.job_status JOIN astrid.waiting USING (job_id) WHERE job_id = :child;
SELECT pg_temp.complete(197), pg_temp.complete(10), pg_temp.complete(10);
SELECT payload, state FROM astrid.job_status WHERE job_id = :child;
SELECT count(*) FROM astrid.dependency WHERE parent_id = ANY (:'ps');

-- the place of a child is a hint: it may be unknown, another job's, a dead row's or none at all
SELECT astrid_enqueue('join', '"p"') AS p \gset
SELECT count(*) FROM astrid_enqueue_batch('join', array_fill('"child"'::jsonb, ARRAY[300]), depends_on => ARRAY[:p]);
SELECT astrid_enqueue('join', '"other"', run_at => 'infinity') > 0 AS other;
UPDATE astrid.dependency SET child_places = CASE child_ids[1] % 3 WHEN 0 THEN '{}'
    ELSE ARRAY(SELECT CASE i % 4 WHEN 0 THEN (SELECT ctid FROM astrid.waiting WHERE payload = '"other"') WHEN 1 THEN '(4000000,1)'
                                 WHEN 2 THEN '(0,0)' ELSE '(0,290)' END FROM generate_subscripts(child_ids, 1) i) END
 WHERE parent_id = :p;
SELECT pg_temp.complete(1);
SELECT payload, state, count(*) FROM astrid.job_status WHERE queue_name = 'join' AND payload <> '"p"' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT astrid_clear_queue('join');

-- what a child that waits no more becomes is none of its other parents' business, also where it waits for its group
SELECT astrid_alter_queue('join', group_concurrency => 1);
SELECT array_agg(j ORDER BY j) AS ps FROM astrid_enqueue_batch('join', array_fill('"p"'::jsonb, ARRAY[2])) j \gset
SELECT array_agg(job_id ORDER BY job_id) AS ps, array_agg(lease_id ORDER BY job_id) AS l FROM astrid_claim(ARRAY['join'], 'w', 2) \gset
SELECT astrid_enqueue('join', '"first of the group"', group_key => 'g') > 0 AS first;
SELECT astrid_enqueue('join', '"any"', depends_on => :'ps', depends_mode => 'any', group_key => 'g') AS child \gset
SELECT astrid_complete((:'ps'::bigint[])[1], (:'l'::bigint[])[1]);
SELECT payload FROM astrid_claim(ARRAY['join'], 'w', 9);
SELECT blocked, parked, parents_left FROM astrid.waiting WHERE job_id = :child;
SELECT astrid_complete((:'ps'::bigint[])[2], (:'l'::bigint[])[2]);
SELECT blocked, parked FROM astrid.waiting WHERE job_id = :child;

-- a blocked job that is moved or replaced waits on
SELECT astrid_create_queue('moved');
SELECT array_agg(j ORDER BY j) AS ps FROM astrid_enqueue_batch('join', array_fill('"p"'::jsonb, ARRAY[2])) j \gset
SELECT astrid_enqueue('join', '"moved"', depends_on => :'ps', unique_key => 'k') AS child \gset
SELECT astrid_move_jobs('join', 'moved', '{"state": "blocked", "payload": "moved"}') ->> 'done' AS moved;
SELECT astrid_enqueue('moved', '"replaced"', unique_key => 'k', unique_mode => 'replace') = :child AS replaced;
SELECT queue_name, w.payload, state, parents_left, parents = :'ps' AS same FROM astrid.job_status JOIN astrid.waiting w USING (job_id) WHERE job_id = :child;
SELECT pg_temp.complete(1);
SELECT state FROM astrid.job_status WHERE job_id = :child;
SELECT pg_temp.complete(1);
SELECT state FROM astrid.job_status WHERE job_id = :child;
SELECT astrid_drop_queue('moved');

SELECT astrid_drop_queue('join');

-- what is refused: no such mode, a job that does not exist yet (so no cycle)
SELECT astrid_enqueue('de', '{}', depends_on => ARRAY[:p], depends_mode => 'some');
SELECT astrid_enqueue('de', '{}', depends_on => ARRAY[:p], depends_failure => 'retry');
\set VERBOSITY sqlstate
SELECT astrid_enqueue('de', '{}', depends_on => ARRAY[(SELECT last_value + 2 FROM astrid.job_seq)]);
\set VERBOSITY default
SELECT astrid_drop_queue('de');
SELECT count(*) FROM astrid.dependency;
SELECT astrid_maintain() ->> 'swept' AS swept;
