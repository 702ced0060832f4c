-- What time brings: leases that run out, jobs that fall due, rings that turn.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT astrid_create_queue('ma', max_attempts => 2);

-- reap: back at once, dead when the attempts are used up, cancelled when that was asked for
SELECT count(*) FROM astrid_enqueue_batch('ma', ARRAY['1', '2']::jsonb[]);
SELECT count(*) FROM astrid_claim(ARRAY['ma'], 'ma_w', 2, '30 s');
SELECT astrid_reap();
SET astrid.test_clock = '2030-01-01 00:00:30+00';
SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE queue_name = 'ma' AND payload = '2';
SELECT astrid_reap();
SELECT payload, state, attempt, error FROM astrid.job_status WHERE queue_name = 'ma' ORDER BY job_id;
SELECT count(*) FROM astrid_claim(ARRAY['ma'], 'ma_w', 2, '30 s');
SET astrid.test_clock = '2030-01-01 00:02:00+00';
SELECT astrid_maintain() - 'rotated';
SELECT payload, state, attempt, error FROM astrid.job_status WHERE queue_name = 'ma' ORDER BY job_id;
SELECT a ->> 'cause' AS cause, a ->> 'attempt' AS attempt FROM astrid.dead_letters, jsonb_array_elements(attempts) a WHERE queue_name = 'ma';

-- promotion by run_at, then number; not before its time; behind what is ready already
SELECT astrid_enqueue('ma', '"second"', run_at => '2030-01-01 00:10:00+00') > 0 AS enqueued;
SELECT astrid_enqueue('ma', '"third"', run_at => '2030-01-01 00:10:00+00') > 0 AS enqueued;
SELECT astrid_enqueue('ma', '"first"', run_at => '2030-01-01 00:09:00+00') > 0 AS enqueued;
SELECT astrid_enqueue('ma', '"tomorrow"', run_at => '2030-01-02 00:09:00+00') > 0 AS enqueued;
SELECT astrid_enqueue('ma', '"ready"') > 0 AS enqueued;
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SET astrid.test_clock = '2030-01-01 00:10:00+00';
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SELECT payload FROM astrid_claim(ARRAY['ma'], 'ma_w', 10);
SELECT astrid_clear_queue('ma');

-- one pass at a time
SELECT astrid_maintain() ? 'busy' AS busy;

-- rings: a week passes, one job a day; what is older than the ring has gone, the rest is there
SELECT count(astrid_complete(job_id, lease_id)) FROM astrid.job_status WHERE queue_name = 'ma' AND state = 'running';
SELECT astrid_clear_queue('ma', ARRAY['completed', 'cancelled', 'dead']) > 0 AS cleared;
CREATE FUNCTION pg_temp.day(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j record;
BEGIN
    PERFORM set_config('astrid.test_clock', (timestamptz '2030-02-01 12:00:00+00' + n * interval '1 day')::text, false);
    PERFORM astrid_enqueue('ma', to_jsonb(n));
    SELECT * INTO STRICT j FROM astrid_claim(ARRAY['ma'], 'ma_w');
    PERFORM astrid_log(j.job_id, j.lease_id, 'info', 'day ' || n);
    PERFORM astrid_heartbeat('ma_w', ARRAY[j.job_id], ARRAY[j.lease_id]);
    PERFORM astrid_complete(j.job_id, j.lease_id);
    RETURN astrid_maintain() ->> 'rotated';
END
$$;
SELECT n AS day, pg_temp.day(n) IS NOT NULL AS passed FROM generate_series(1, 20) n;
SELECT payload AS day FROM astrid.job_status WHERE queue_name = 'ma' AND state = 'completed' ORDER BY job_id;
SELECT min(message), max(message), count(*) FROM astrid.job_log WHERE message LIKE 'day%';
SELECT count(*) FROM astrid.worker_sample WHERE worker = 'ma_w';
SELECT count(DISTINCT tableoid) AS partitions FROM astrid.history WHERE finished_at > '2030-02-01';

-- a clock set back costs nothing of this week
SET astrid.test_clock = '2030-02-16 12:00:00+00';
SELECT astrid_maintain() ->> 'rotated' AS rotated;
SET astrid.test_clock = '2030-02-14 12:00:00+00';
SELECT astrid_maintain() ->> 'rotated' AS rotated;
SELECT count(*) FROM astrid.job_status WHERE queue_name = 'ma' AND state = 'completed';
-- slots of times before 2000 are slots too
SELECT bool_and(astrid._ring_slot(t) BETWEEN 0 AND 7) AS in_range,
       bool_and(astrid._ring_slot(t + interval '1 day') = (astrid._ring_slot(t) + 1) % 8) AS next
  FROM generate_series(timestamptz '1999-12-20 23:00+00', '2000-01-15', '1 day') t;

-- a worker not heard of for a week is forgotten
SELECT count(*) FROM astrid.worker_status WHERE worker_id = 'ma_w';
SET astrid.test_clock = '2031-02-14 12:00:00+00';
SELECT (astrid_maintain() ->> 'rotated')::int >= 0 AS done;
SELECT count(*) FROM astrid.worker_status WHERE worker_id = 'ma_w';
SELECT astrid_drop_queue('ma');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
