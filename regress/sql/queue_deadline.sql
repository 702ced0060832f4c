-- Deadlines: a job that is not done by then is dead, wherever it is.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SET timezone = 'UTC';
SELECT astrid_create_queue('dl', max_attempts => 5, timeout => '1 h', backoff_base => '10 s', retry => '{"jitter": 0}');
CREATE VIEW dl AS SELECT payload, state, attempt, error, deadline FROM astrid.job_status WHERE queue_name = 'dl' ORDER BY job_id;

-- in the future, and later than run_at
SELECT astrid_enqueue('dl', '0', deadline => '2030-01-01 00:00:00+00');
SELECT astrid_enqueue('dl', '0', deadline => '2030-01-01 00:10:00+00', run_at => '2030-01-01 00:10:00+00');
SELECT count(*) FROM astrid_enqueue_batch('dl', ARRAY['0']::jsonb[], deadline => '2029-01-01 00:00:00+00');
SELECT count(*) FROM astrid.deadline;

-- no attempt gets more time than is left
SELECT astrid_enqueue('dl', '1', deadline => '2030-01-01 00:10:00+00') AS job \gset
SELECT astrid_enqueue('dl', '2', deadline => '2030-01-02 00:00:00+00') AS later \gset
SELECT astrid_enqueue('dl', '3', timeout => '5 min', deadline => '2030-01-01 00:10:00+00') AS short \gset
SELECT payload, timeout FROM astrid_claim(ARRAY['dl'], 'w', 3);
SELECT astrid_why(:job) LIKE '%deadline at Tue Jan 01 00:10:00 2030 UTC%' AS why;
SELECT astrid_complete(job_id, lease_id) FROM astrid.job_status WHERE queue_name = 'dl' AND state = 'running';

-- waiting, blocked and ready jobs: buried by maintenance, with their keys and places
SELECT astrid_enqueue('dl', '4', deadline => '2030-01-01 00:10:00+00', unique_key => 'k') AS ready \gset
SELECT astrid_enqueue('dl', '5', run_at => '2030-01-01 00:09:00+00', deadline => '2030-01-01 00:10:00+00') AS scheduled \gset
SELECT astrid_enqueue('dl', '6', depends_on => ARRAY[:scheduled], deadline => '2030-01-01 00:10:00+00') AS blocked \gset
SELECT astrid_enqueue('dl', '7', deadline => '2030-01-01 00:10:01+00') AS late \gset
SELECT astrid_enqueue('dl', '8', deadline => '2030-01-01 00:10:00+00', priority => -1) AS running \gset
SELECT job_id, lease_id FROM astrid_claim(ARRAY['dl'], 'w', lease => '1 day') \gset
SET astrid.test_clock = '2030-01-01 00:09:59.999+00';
SELECT astrid_maintain() ->> 'late' AS late;
SET astrid.test_clock = '2030-01-01 00:10:00+00';
SELECT astrid_maintain() ->> 'late' AS late;
SELECT * FROM dl WHERE state <> 'completed';
SELECT count(*) AS keys FROM astrid.unique_key;
SELECT count(*) AS waits FROM astrid.waiting WHERE job_id = :blocked;
SELECT regexp_replace(astrid_why(:ready), '(job |retry\()\d+', '\1N', 'g') AS why;
SELECT worker_id, started_at, attempt, attempts, deadline FROM astrid.dead_letters WHERE job_id = :ready;
-- a running one is told; what it says then does not matter
SELECT job_id = :running AS running, command FROM astrid_heartbeat('w', ARRAY[:job_id], ARRAY[:lease_id], '1 day');
SELECT astrid_why(:running) LIKE '%deadline has passed%heartbeat' AS why;
SELECT astrid_fail(:job_id, :lease_id, 'stopped', info => '{"cause": "cancel"}');
SELECT error, attempts -> 0 ->> 'cause' AS cause, attempts -> 0 ->> 'error' AS attempt_error FROM astrid.dead_letters WHERE job_id = :running;

-- a claim never hands out what is late, also where maintenance did not come by
SET astrid.test_clock = '2030-01-01 00:10:01+00';
SELECT count(*) FROM astrid_claim(ARRAY['dl'], 'w', 10);
SELECT state, error FROM astrid.job_status WHERE job_id = :late;
SELECT astrid_maintain() ->> 'late' AS late;
SELECT at FROM astrid.deadline;

-- retry asks for it all the same: without the deadline that has passed
SELECT astrid_retry(:late);
SELECT payload, timeout FROM astrid_claim(ARRAY['dl'], 'w', 10);
SELECT astrid_complete(job_id, lease_id) FROM astrid.job_status WHERE job_id = :late;

-- no retry and no snooze past the deadline
SELECT astrid_enqueue('dl', '9', deadline => '2030-01-01 00:10:15+00') AS job \gset
SELECT astrid_fail(job_id, lease_id, 'first') FROM astrid_claim(ARRAY['dl'], 'w');
SELECT regexp_replace(astrid_why(:job), '(job |retry\()\d+', '\1N', 'g') AS why;
SELECT astrid_retry(:job);
SELECT astrid_fail(job_id, lease_id, 'second') FROM astrid_claim(ARRAY['dl'], 'w');
SELECT payload, state, attempt, error FROM dl WHERE payload = '9';
SELECT regexp_replace(astrid_why(:job), '(job |retry\()\d+', '\1N', 'g') AS why;
SELECT astrid_enqueue('dl', '10', deadline => '2030-01-01 00:10:15+00', unique_key => 'k') AS job \gset
SELECT astrid_snooze(job_id, lease_id, '10 s') FROM astrid_claim(ARRAY['dl'], 'w');
SELECT payload, state, attempt FROM dl WHERE payload = '10';
SELECT astrid_retry(:job);
SELECT astrid_snooze(job_id, lease_id, '15 s') FROM astrid_claim(ARRAY['dl'], 'w');
SELECT payload, state, error FROM dl WHERE payload = '10';
SELECT count(*) AS keys FROM astrid.unique_key;

-- the lease ends after the deadline: dead, not retried
SELECT astrid_enqueue('dl', '11', deadline => '2030-01-01 00:10:15+00') AS job \gset
SELECT count(*) FROM astrid_claim(ARRAY['dl'], 'w', lease => '20 s');
SET astrid.test_clock = '2030-01-01 00:11:00+00';
SELECT astrid_maintain() - 'rotated' AS done;
SELECT payload, state, error FROM dl WHERE payload = '11';
SELECT attempts -> 0 ->> 'cause' AS cause FROM astrid.dead_letters WHERE job_id = :job;
-- a cancel that came first stays a cancel
SELECT astrid_enqueue('dl', '12', deadline => '2030-01-01 00:12:00+00') AS job \gset
SELECT job_id, lease_id FROM astrid_claim(ARRAY['dl'], 'w', lease => '1 h') \gset
SELECT astrid_cancel(:job);
SET astrid.test_clock = '2030-01-01 00:12:00+00';
SELECT astrid_maintain() ->> 'late' AS late;
SELECT astrid_fail(:job_id, :lease_id, 'stopped', info => '{"cause": "cancel"}');
-- the worker's own word
SELECT astrid_enqueue('dl', '13', deadline => '2030-01-01 00:12:30+00') AS job \gset
SELECT astrid_fail(job_id, lease_id, 'stopped at its deadline', retryable => false, info => '{"cause": "deadline"}') FROM astrid_claim(ARRAY['dl'], 'w');

-- a job that is replaced has the new deadline only
SELECT astrid_enqueue('dl', '14', unique_key => 'k', deadline => '2030-01-01 00:13:00+00') AS job \gset
SELECT astrid_enqueue('dl', '15', unique_key => 'k', unique_mode => 'replace', deadline => '2030-01-01 00:14:00+00') = :job AS same;
SELECT astrid_enqueue('dl', '16', unique_key => 'k', unique_mode => 'replace', deadline => '2030-01-01 00:14:00+00') = :job AS same;
SET astrid.test_clock = '2030-01-01 00:13:00+00';
SELECT astrid_maintain() ->> 'late' AS late;
SELECT payload, state FROM dl WHERE payload = '16';
SET astrid.test_clock = '2030-01-01 00:14:00+00';
SELECT astrid_maintain() ->> 'late' AS late;
SELECT payload, state FROM dl WHERE payload = '16';

-- in an ordered group, what died of its deadline lets the next one go on
SELECT astrid_alter_queue('dl', ordered => true);
SELECT count(*) FROM astrid_enqueue_batch('dl', ARRAY['17', '18']::jsonb[], group_key => 'g', deadline => '2030-01-01 00:15:00+00');
SELECT astrid_enqueue('dl', '19', group_key => 'g') > 0 AS enqueued;
SELECT astrid_fail(job_id, lease_id, 'e', retry_in => '50 s') FROM astrid_claim(ARRAY['dl'], 'w', 10);
SELECT payload, state FROM dl WHERE payload IN ('17', '18', '19');
SET astrid.test_clock = '2030-01-01 00:15:00+00';
SELECT count(*) FROM astrid_claim(ARRAY['dl'], 'w', 10);
SELECT astrid_maintain() ->> 'late' AS late;
SELECT payload FROM astrid_claim(ARRAY['dl'], 'w', 10);
SELECT payload, state FROM dl WHERE payload IN ('17', '18', '19');

DROP VIEW dl;
SELECT astrid_drop_queue('dl');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
SELECT count(*) FROM astrid.group_slot;
