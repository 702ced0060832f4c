-- Claim: order, several queues, limits.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('cl_a', priority => 1, worker_type => 'tester');
SELECT astrid_create_queue('cl_b', priority => 1);
SELECT astrid_create_queue('cl_first', priority => 0);
SELECT count(astrid_enqueue(q, jsonb_build_object('n', q || ' p' || p || ' #' || i), priority => p))
  FROM generate_series(1, 2) i, unnest(ARRAY['cl_b', 'cl_a', 'cl_first']) q, unnest(ARRAY[1, 0, -1]) p;

-- queue priority, then job priority, then place; queues of the same priority are one
SELECT payload ->> 'n' AS job, attempt, worker_type FROM astrid_claim(ARRAY['cl_a', 'cl_b', 'cl_first', 'cl_a'], 'w', 14);
SELECT payload ->> 'n' AS job FROM astrid_claim(ARRAY['cl_a'], 'w', 100);
SELECT payload ->> 'n' AS job FROM astrid_claim(ARRAY['cl_b', 'cl_a', 'cl_first'], 'w', 100);
SELECT state, count(*) FROM astrid.job_status WHERE queue_name LIKE 'cl%' GROUP BY 1;

-- one by default; none when none is wanted; nothing in nothing
SELECT count(*) FROM astrid_enqueue_batch('cl_a', ARRAY['1', '2', '3']::jsonb[]);
SELECT payload FROM astrid_claim(ARRAY['cl_a'], 'w');
SELECT payload FROM astrid_claim(ARRAY['cl_a'], 'w', 0);
SELECT payload FROM astrid_claim('{}', 'w');

-- a claim that is rolled back never was; leases are not used twice
BEGIN;
SELECT lease_id AS rolled_back FROM astrid_claim(ARRAY['cl_a'], 'w') \gset
ROLLBACK;
SELECT payload, attempt, lease_id > :rolled_back AS new_lease FROM astrid_claim(ARRAY['cl_a'], 'w');

-- lease and clock
SET astrid.test_clock = '2030-01-01 12:00:00+00';
SELECT astrid_enqueue('cl_a', '4', priority => -1) > 0 AS enqueued;
SELECT payload, lease_until, enqueued_at FROM astrid_claim(ARRAY['cl_a'], 'w', lease => '2 min');
SELECT payload, lease_until FROM astrid_claim(ARRAY['cl_a'], 'w');
SELECT started_at, worker_id FROM astrid.job_status WHERE payload = '4';
RESET astrid.test_clock;

-- what is refused
SELECT astrid_claim(NULL, 'w');
SELECT astrid_claim(ARRAY['cl_a', NULL], 'w');
SELECT astrid_claim(ARRAY['cl_a'], NULL);
SELECT astrid_claim(ARRAY['cl_a'], 'w', -1);
SELECT astrid_claim(ARRAY['cl_a'], 'w', lease => '0');
SELECT astrid_claim(ARRAY['cl_a', 'cl_none'], 'w');
SET astrid.test_clock = 'nonsense';
SELECT astrid_claim(ARRAY['cl_a'], 'w');
RESET astrid.test_clock;

-- a limit: what runs counts, what ends makes room
SELECT astrid_create_queue('cl_limit', concurrency => 2);
SELECT count(*) FROM astrid_enqueue_batch('cl_limit', ARRAY['1', '2', '3', '4']::jsonb[]);
SELECT payload FROM astrid_claim(ARRAY['cl_limit'], 'w', 10);
SELECT payload FROM astrid_claim(ARRAY['cl_limit'], 'w', 10);
SELECT astrid_complete(job_id, lease_id) FROM astrid.job_status WHERE queue_name = 'cl_limit' AND payload = '1';
SELECT payload FROM astrid_claim(ARRAY['cl_limit'], 'w', 10);
SELECT astrid_alter_queue('cl_limit', concurrency => 0);
SELECT payload FROM astrid_claim(ARRAY['cl_limit'], 'w', 10);

-- isolation levels: the queue is the present one in each
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT astrid_enqueue('cl_b', '"ser"') > 0 AS enqueued;
SELECT job_id, lease_id, payload FROM astrid_claim(ARRAY['cl_b'], 'w') \gset
SELECT astrid_complete(:job_id, :lease_id);
COMMIT;
SELECT state FROM astrid.job_status WHERE job_id = :job_id;

SELECT astrid_drop_queue(queue_name) FROM astrid.queue_status WHERE queue_name LIKE 'cl%';
SELECT astrid_maintain() ->> 'swept' AS swept;
