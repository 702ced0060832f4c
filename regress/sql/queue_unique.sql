-- Unique keys: held by a live job, from enqueue to its final state.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('un', max_attempts => 1);
SELECT astrid_create_queue('un_other');

SELECT astrid_enqueue('un', '{"n": 1}', unique_key => 'k') AS job \gset
SELECT astrid_enqueue('un', '{"n": 2}', unique_key => 'k') = :job AS same;
SELECT astrid_enqueue('un', '{"n": 3}', unique_key => 'K') <> :job AS another_key;
SELECT astrid_enqueue('un_other', '{"n": 4}', unique_key => 'k') <> :job AS another_queue;
SELECT count(DISTINCT id), bool_and(id = :job) AS same
  FROM astrid_enqueue_batch('un', ARRAY['{}', '{}']::jsonb[], unique_key => 'k') id;
SELECT count(*), count(DISTINCT id) FROM (SELECT astrid_enqueue('un', '{}', unique_key => 'new') AS id FROM generate_series(1, 3)) x;
SELECT payload, unique_key FROM astrid.job_status WHERE queue_name LIKE 'un%' ORDER BY job_id;

-- running still holds it; completed does not
SELECT job_id, lease_id FROM astrid_claim(ARRAY['un'], 'w') \gset
SELECT astrid_enqueue('un', '{"n": 5}', unique_key => 'k') = :job AS same;
SELECT astrid_complete(:job_id, :lease_id);
SELECT astrid_enqueue('un', '{"n": 6}', unique_key => 'k', priority => -1) <> :job AS free;

-- dead does not hold it either: redrive leaves a job whose key is taken, retry says so
SELECT job_id, lease_id FROM astrid_claim(ARRAY['un'], 'w') \gset
SELECT astrid_fail(:job_id, :lease_id, 'e');
SELECT astrid_enqueue('un', '{"n": 7}', unique_key => 'k') <> :job_id AS free;
SELECT astrid_redrive('un');
\set VERBOSITY sqlstate
SELECT astrid_retry(:job_id);
\set VERBOSITY default
SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE payload = '{"n": 7}';
SELECT astrid_redrive('un');
SELECT astrid_enqueue('un', '{"n": 8}', unique_key => 'k') = :job_id AS held_again;

-- rolled back with the transaction
BEGIN;
SELECT astrid_enqueue('un', '{}', unique_key => 'r') > 0 AS enqueued;
ROLLBACK;
SELECT count(*) FROM astrid.unique_key WHERE unique_key = 'r';

SELECT astrid_drop_queue(queue_name) FROM astrid.queue_status WHERE queue_name LIKE 'un%';
SELECT count(*) FROM astrid.unique_key;
SELECT astrid_maintain() ->> 'swept' AS swept;
