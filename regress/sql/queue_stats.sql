-- Statistics: counters instead of counts, what they say of what, and that they agree with the tables.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 12:00:10';
SELECT astrid_create_queue('st_a', max_attempts => 1), astrid_create_queue('st_b', max_attempts => 3, backoff_base => '1 minute');
CREATE VIEW gauges AS SELECT queue_name, ready, scheduled, blocked, running, dead FROM astrid.queue_status
 WHERE queue_name ~ '^st_' ORDER BY 1;
CREATE VIEW totals AS SELECT queue_name, enqueued, started, completed, cancelled, failed, crashed, died
  FROM astrid.queue_stats WHERE queue_name ~ '^st_' ORDER BY 1;
SELECT count(*) FROM astrid_enqueue_batch('st_a', array_fill('{}'::jsonb, '{3}'));
-- before the first count: gauges by the slow way, no totals
SELECT * FROM gauges;
SELECT astrid_stats_recount();
SELECT astrid._stats_exact();
SELECT * FROM gauges;
SELECT * FROM totals;

-- what a transaction has done itself it sees, and nothing is left of what it takes back
BEGIN;
SELECT astrid_enqueue('st_a', '{}') > 0 AS enqueued, astrid_enqueue('st_b', '{}', run_at => '2030-01-01 13:00') > 0 AS later;
SELECT * FROM gauges;
SAVEPOINT one;
SELECT count(*) FROM astrid_claim('{st_a}', 'w', 2);
SELECT astrid_cancel(min(job_id)) FROM astrid.job_status WHERE queue_name = 'st_b' AND state = 'scheduled';
SELECT * FROM gauges;
ROLLBACK TO one;
SELECT * FROM gauges;
RELEASE one;
ROLLBACK;
SELECT * FROM gauges;

-- every move
CREATE FUNCTION st_claim(queue text, n int) RETURNS TABLE (job_id bigint, lease_id bigint) LANGUAGE sql
    AS 'SELECT job_id, lease_id FROM astrid_claim(ARRAY[queue], ''w'', n)';
SET astrid.test_clock = '2030-01-01 12:00:11';
SELECT astrid_complete(job_id, lease_id) FROM st_claim('st_a', 1);
SELECT astrid_fail(job_id, lease_id, 'no', info => '{"cause": "crash"}') FROM st_claim('st_a', 1);
SELECT * FROM gauges;
SELECT astrid_redrive('st_a');
WITH parent AS (SELECT astrid_enqueue('st_b', '{}') AS id)
SELECT astrid_enqueue('st_b', '{}', depends_on => ARRAY[id]) > id AS blocked FROM parent;
SELECT astrid_enqueue('st_b', '{}', run_at => '2030-01-02') > 0 AS scheduled;
SELECT * FROM gauges;
SELECT astrid_snooze(job_id, lease_id, '1 hour') FROM st_claim('st_b', 1);
SELECT * FROM gauges;
SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE queue_name = 'st_b' AND run_at = '2030-01-02';
SELECT astrid_clear_queue('st_b', '{cancelled}');
-- by hand: moved to another queue, deleted
UPDATE astrid.ready r SET queue_id = q.queue_id, position = -1 FROM astrid.queue q
 WHERE q.queue_name = 'st_b' AND r.job_id = (SELECT min(job_id) FROM astrid.job_status WHERE queue_name = 'st_a' AND state = 'ready');
DELETE FROM astrid.waiting w USING astrid.queue q WHERE q.queue_id = w.queue_id AND q.queue_name = 'st_b' AND NOT w.blocked;
SELECT * FROM gauges;
SELECT * FROM totals;
SELECT astrid._stats_exact();

-- a transaction that sees the past counts the tables: the same numbers
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM gauges;
SELECT * FROM totals;
COMMIT;
-- and so does a count from the start
SELECT astrid_stats_recount();
SELECT * FROM gauges;
SELECT * FROM totals;

-- times and rates: one job waited 1 s, and took 10 s; others follow
SELECT run_mean, wait_mean, wait_histogram[1:12] AS waits FROM astrid.queue_stats WHERE queue_name = 'st_a';
CREATE TEMP TABLE held AS SELECT * FROM st_claim('st_a', 2);
SET astrid.test_clock = '2030-01-01 12:00:21';
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM held;
SELECT run_mean, run_histogram[1:16] AS runs, round(run_p50::numeric, 3) AS p50, round(run_p99::numeric, 3) AS p99
  FROM astrid.queue_stats WHERE queue_name = 'st_a';
SELECT enqueued_1_minute, completed_1_minute FROM astrid.queue_stats WHERE queue_name = 'st_a';
SET astrid.test_clock = '2030-01-01 12:01:00';
SELECT enqueued_1_minute, completed_1_minute, failed_1_minute, completed_15_minutes FROM astrid.queue_stats
 WHERE queue_name = 'st_a';
SET astrid.test_clock = '2030-01-01 12:15:59';
SELECT completed_1_minute, completed_15_minutes FROM astrid.queue_stats WHERE queue_name = 'st_a';
SET astrid.test_clock = '2030-01-01 12:16:00';
SELECT completed_1_minute, completed_15_minutes FROM astrid.queue_stats WHERE queue_name = 'st_a';

-- the oldest ready job, of several priorities
SELECT count(*) FROM astrid_enqueue_batch('st_a', array_fill('{}'::jsonb, '{3}'), priority => 5);
SET astrid.test_clock = '2030-01-01 12:16:30';
SELECT count(*) FROM astrid_enqueue_batch('st_a', array_fill('{}'::jsonb, '{3}'), priority => 1);
SET astrid.test_clock = '2030-01-01 12:17:00';
SELECT ready, oldest_ready_age FROM astrid.queue_status WHERE queue_name = 'st_a';
SELECT count(*) FROM st_claim('st_a', 3);
SELECT ready, oldest_ready_age FROM astrid.queue_status WHERE queue_name = 'st_a';
SELECT count(*) FROM st_claim('st_a', 2);
SELECT ready, oldest_ready_age FROM astrid.queue_status WHERE queue_name = 'st_a';
SELECT count(*) FROM st_claim('st_a', 2);
SELECT ready, oldest_ready_age FROM astrid.queue_status WHERE queue_name = 'st_a';

-- percentiles: within a bucket by interpolation
SELECT astrid._percentile('{0,0,4}', 0.5) AS middle, astrid._percentile('{4,0,0,0,4}', 0.75) AS upper,
       astrid._percentile('{0}', 0.5) AS none;

-- totals outlive the rows, but not the queue
SELECT astrid_clear_queue('st_a', '{completed,cancelled,dead,ready}');
SELECT queue_name, completed, died FROM totals;
SELECT astrid_stats_recount();
SELECT queue_name, completed, died FROM totals;
SELECT astrid_drop_queue('st_a'), astrid_drop_queue('st_b');
SELECT count(*) FROM astrid.queue_total t WHERE NOT EXISTS (SELECT FROM astrid.queue q WHERE q.queue_id = t.queue_id);

-- who may look
SET ROLE astrid_reader;
SELECT count(*) FROM astrid.queue_stats WHERE queue_name ~ '^st_';
SELECT astrid_stats_recount();
RESET ROLE;
DROP VIEW gauges, totals;
DROP FUNCTION st_claim;
