-- Enqueue: options, order, what is refused.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('enq', max_attempts => 5, timeout => '10 s');

-- defaults of the queue, and options of the job
SELECT astrid_enqueue('enq', '{"n": 1}') > 0 AS enqueued;
SELECT astrid_enqueue(payload => '{"n": 2}', queue => 'enq', priority => -2, max_attempts => 1, timeout => '1 min',
    group_key => 'g', tags => ARRAY['a', 'b']) > 0 AS enqueued;
SELECT payload, state, priority, attempt, max_attempts, max_retries, timeout, group_key, tags, run_at <= now() AS due
  FROM astrid.job_status WHERE queue_name = 'enq' ORDER BY payload;

-- run_at: ahead or past
SELECT astrid_enqueue('enq', '{"n": 3}', run_at => now() + interval '1 h') > 0 AS enqueued;
SELECT astrid_enqueue('enq', '{"n": 4}', run_at => now() - interval '1 h') > 0 AS enqueued;
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'enq' ORDER BY payload;

-- a batch: ids in the order of the payloads, also when longer than what is written at a time
WITH b AS (SELECT array_agg(jsonb_build_object('i', i) ORDER BY i) AS payloads FROM generate_series(1, 1234) i),
     e AS (SELECT x.id, x.i FROM b, astrid_enqueue_batch('enq', b.payloads, tags => ARRAY['batch']) WITH ORDINALITY x (id, i))
SELECT count(*), count(DISTINCT id), bool_and(id > before) AS ascending
  FROM (SELECT id, coalesce(lag(id) OVER (ORDER BY i), 0) AS before FROM e) x;
SELECT count(*) AS in_order FROM (
    SELECT payload ->> 'i' AS i, row_number() OVER (ORDER BY job_id) AS n
      FROM astrid.job_status WHERE tags = ARRAY['batch']) x WHERE i::int = n;
SELECT count(*) FROM astrid_enqueue_batch('enq', '{}');
SELECT count(*) FROM astrid_enqueue_batch('enq', ARRAY['{}', '{}']::jsonb[], run_at => 'infinity');
SELECT scheduled FROM astrid.queue_status WHERE queue_name = 'enq';

-- transactional
BEGIN;
SELECT astrid_enqueue('enq', '{"n": 5}') > 0 AS enqueued;
ROLLBACK;
SELECT count(*) FROM astrid.job_status WHERE payload @> '{"n": 5}';

-- seen by the next statement of the same transaction, in a savepoint, and from PL/pgSQL
BEGIN;
SAVEPOINT s;
SELECT astrid_enqueue('enq', '{"n": 6}', priority => -9) > 0 AS enqueued;
ROLLBACK TO s;
DO $$
BEGIN
    PERFORM astrid_enqueue('enq', '{"n": 7}', priority => -8);
    IF (SELECT payload FROM astrid_claim(ARRAY['enq'], 'w')) <> '{"n": 7}' THEN
        RAISE 'claimed another job';
    END IF;
END
$$;
COMMIT;

-- payloads that are stored out of line survive each move
SELECT astrid_enqueue('enq', jsonb_build_object('big', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) i)),
    priority => -10) > 0 AS enqueued;
SELECT job_id, lease_id, md5(payload ->> 'big') AS claimed FROM astrid_claim(ARRAY['enq'], 'w') \gset
SELECT astrid_complete(:job_id, :lease_id);
SELECT md5(payload ->> 'big') = :'claimed' AS same,
       :'claimed' = (SELECT md5(string_agg(md5(i::text), '')) FROM generate_series(1, 4000) i) AS right
  FROM astrid.job_status WHERE job_id = :job_id;

-- what is refused
SELECT astrid_enqueue('enq_none', '{}');
SELECT astrid_enqueue(NULL, '{}');
SELECT astrid_enqueue('enq', NULL);
SELECT astrid_enqueue_batch('enq', NULL);
SELECT astrid_enqueue_batch('enq', ARRAY['{}', NULL]::jsonb[]);
SELECT astrid_enqueue('enq', '{}', max_attempts => 0);
SELECT astrid_enqueue('enq', '{}', timeout => '0');
SELECT astrid_enqueue('enq', '{}', unique_key => repeat('k', 2000));
SET astrid.max_payload_size = 1;
SELECT astrid_enqueue('enq', jsonb_build_object('big', repeat('x', 2000)));
RESET astrid.max_payload_size;
BEGIN READ ONLY;
SELECT astrid_enqueue('enq', '{}');
ROLLBACK;
BEGIN READ ONLY;
SELECT astrid_claim(ARRAY['enq'], 'w');
ROLLBACK;

-- an index that a user added is kept up
CREATE INDEX user_index ON astrid.ready ((payload ->> 'who')) WHERE priority = 77;
SELECT astrid_enqueue('enq', '{"who": "me"}', priority => 77) > 0 AS enqueued;
SET enable_seqscan = off;
SELECT count(*) FROM astrid.ready WHERE payload ->> 'who' = 'me' AND priority = 77;
RESET enable_seqscan;
DROP INDEX astrid.user_index;
SELECT astrid_drop_queue('enq');
SELECT astrid_maintain() ->> 'swept' AS swept;
