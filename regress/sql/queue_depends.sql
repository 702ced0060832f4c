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
SELECT astrid_drop_queue('de');
SELECT count(*) FROM astrid.dependency;
SELECT astrid_maintain() ->> 'swept' AS swept;
