-- astrid.health: each check that needs no second session; the others are in tests/tap/360_health.pl.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE DATABASE health_test;
\c health_test
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION astrid;
-- The checks there are. On this server maintenance is off, and so is fsync.
SELECT check_name, status, threshold, unit FROM astrid.health ORDER BY check_name COLLATE "C";
SELECT check_name, detail FROM astrid.health WHERE status <> 'ok' ORDER BY check_name;
CREATE FUNCTION pg_temp.health(VARIADIC names text[]) RETURNS TABLE (line text) LANGUAGE sql AS
    $$ SELECT concat_ws(' ', status, value, detail) FROM astrid.health WHERE check_name = ANY (names) ORDER BY check_name $$;

SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT pg_temp.health('test_clock');

-- What falls due and is not seen to
SELECT astrid_create_queue('he', worker_type => 'health', max_attempts => 1, timeout => '1 min');
SELECT count(*) FROM astrid_enqueue_batch('he', array_fill('{}'::jsonb, '{4}'));
SELECT astrid_enqueue('he', '{}', run_at => '2030-01-01 00:00:30+00') IS NULL;
SELECT pg_temp.health('scheduler_lag', 'expired_leases', 'queues_without_worker', 'paused_queues', 'overrun_jobs');
-- who only looks is no worker
SELECT ready FROM astrid.queue_status WHERE queue_name = 'he';
SELECT pg_temp.health('queues_without_worker');
SELECT count(*) FROM astrid_claim('{he}', 'he_w', 2);
SET astrid.test_clock = '2030-01-01 00:01:05+00';
SELECT pg_temp.health('scheduler_lag', 'expired_leases', 'queues_without_worker');
SET astrid.test_clock = '2030-01-01 00:02:10+00';
SELECT pg_temp.health('scheduler_lag', 'expired_leases', 'overrun_jobs');
SELECT pg_temp.health('dead_letters', 'died_last_hour');
BEGIN;
INSERT INTO astrid.deadline VALUES ('2030-01-01 00:02:00+00', 1), ('2030-01-01 00:03:00+00', 2);
SELECT pg_temp.health('deadline_lag');
ROLLBACK;
SELECT astrid_maintain() - 'rotated';
SELECT pg_temp.health('scheduler_lag', 'expired_leases', 'dead_letters', 'died_last_hour', 'overrun_jobs');
SET astrid.test_clock = '2030-01-01 02:00:00+00';
SELECT pg_temp.health('died_last_hour', 'oldest_ready');
SELECT astrid_pause_queue('he');
SELECT pg_temp.health('queues_without_worker', 'paused_queues');
SELECT astrid_resume_queue('he');

-- Workers
SELECT astrid_heartbeat('he_w', info => '{"worker_type": "health", "status": "ERROR", "max_memory": 512.5, "max_cpu": 150, "prefetch_multiplier": 4}');
SELECT worker_id, max_memory, max_cpu, prefetch_multiplier FROM astrid.worker_status WHERE worker_id = 'he_w';
SELECT pg_temp.health('queues_without_worker', 'workers_in_error', 'lost_workers');
SET astrid.test_clock = '2030-01-01 02:02:00+00';
SELECT pg_temp.health('workers_in_error', 'lost_workers');
SET astrid.test_clock = '2030-01-01 01:59:50+00';
SELECT pg_temp.health('clock');
SET astrid.test_clock = '2030-01-01 02:02:00+00';
SELECT astrid_heartbeat('he_w', info => '{"status": "STOPPED"}');
SELECT pg_temp.health('workers_in_error', 'lost_workers', 'clock');

-- Rings: what is a week old is emptied at the beginning of the day
SELECT astrid_enqueue('he', '{}') AS old \gset
SELECT astrid_cancel(:old);
SET astrid.test_clock = '2030-01-08 05:00:00+00';
SELECT line ~ '^warning 18000 astrid.history_\d( and|,| should)' FROM pg_temp.health('ring_rotation') line;
SET astrid.test_clock = '2030-01-08 23:00:00+00';
SELECT split_part(line, ' ', 1) FROM pg_temp.health('ring_rotation') line;
SELECT (astrid_maintain() ->> 'rotated')::int > 0;
SELECT pg_temp.health('ring_rotation');

-- Bulk operations, exports
SELECT astrid_enqueue('he', '{}', tags => '{bulk}') IS NULL;
SELECT astrid_cancel_jobs('{"queue": "he", "tags": ["bulk"]}', rate => 1) ->> 'state';
SET astrid.test_clock = '2030-01-08 23:00:30+00';
SELECT pg_temp.health('bulk_lag', 'bulk_failed');
UPDATE astrid.bulk_operation SET state = 'failed', finished_at = astrid.clock();
SELECT pg_temp.health('bulk_lag', 'bulk_failed');
DELETE FROM astrid.bulk_operation;
INSERT INTO astrid.exported (queue_name, kind, "row", exported_at)
    SELECT q, 'dead', '{}', astrid.clock() - interval '2 days' FROM unnest('{he,he,gone}'::text[]) q;
SELECT pg_temp.health('exports');
DELETE FROM astrid.exported;
SELECT pg_temp.health('exports');

-- What must add up, and does not when a row is lost
SELECT astrid_create_queue('sums', concurrency => 5, rate_limit => 10, group_concurrency => 2);
SELECT count(*) FROM astrid_enqueue_batch('sums', array_fill('{}'::jsonb, '{9}'), group_key => 'a');
SELECT count(*) FROM astrid_claim('{sums}', 'sums_w', 9);
SELECT pg_temp.health('limit_units', 'group_places', 'parked_jobs');
SELECT astrid_alter_queue('sums', concurrency => 1);
SELECT pg_temp.health('limit_units', 'group_places', 'parked_jobs');
BEGIN;
DELETE FROM astrid.token WHERE ctid IN (SELECT ctid FROM astrid.token WHERE lane IN (1, 3));
SELECT regexp_replace(line, ' \d+ units', ' n units') FROM pg_temp.health('limit_units') line;
ROLLBACK;
BEGIN;
WITH gone AS (DELETE FROM astrid.group_slot RETURNING job_id)
    UPDATE astrid.running r SET job_id = -1 - (SELECT count(*) FROM gone g WHERE g.job_id < r.job_id) FROM gone WHERE gone.job_id = r.job_id;
SELECT pg_temp.health('group_places', 'parked_jobs');
ROLLBACK;
BEGIN;
UPDATE astrid.group_slot SET job_id = job_id - (SELECT min(job_id) FROM astrid.group_slot) - 2;
SELECT regexp_replace(line, 'job \d+ runs', 'job n runs', 'g') FROM pg_temp.health('group_places') line;
ROLLBACK;
SELECT pg_temp.health('limit_units', 'group_places', 'parked_jobs');

-- A queue that is dropped waits for older transactions
SELECT astrid_drop_queue('he'), astrid_drop_queue('sums');
UPDATE astrid.dropped_queue SET dropped_at = clock_timestamp() - interval '2 hours';
SELECT regexp_replace(line, '^warning 72\S+ (.*) since .*\. End', 'warning \1 since t. End') FROM pg_temp.health('dropped_queues') line;
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept';
SELECT pg_temp.health('dropped_queues', 'test_clock');

-- As another owner would see it, and as a reader does: no query text
CREATE ROLE health_reader IN ROLE astrid_reader;
SET ROLE health_reader;
SELECT count(*) > 30 FROM astrid.health;
SELECT count(*) FROM astrid.health WHERE detail ~* 'select' AND check_name <> 'rights';
SELECT astrid._engine();
RESET ROLE;
DROP ROLE health_reader;
\c regression
DROP DATABASE health_test;
