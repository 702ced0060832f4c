-- astrid_why: the true reason in each case, with its remedy.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE DATABASE why_test;
\c why_test
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE EXTENSION astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
-- Numbers of jobs differ from run to run: jobs are known by the names in their payloads.
CREATE FUNCTION pg_temp.why(job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text := astrid_why(job);
    j record;
BEGIN
    FOR j IN SELECT s.job_id, s.payload ->> 'name' AS name FROM astrid.job_status s
              WHERE s.payload ? 'name' LOOP
        answer := regexp_replace(answer, '(job |astrid_retry\()' || j.job_id || '\M', '\1' || j.name, 'g');
    END LOOP;
    RETURN answer;
END $$;
CREATE FUNCTION pg_temp.add(queue text, name text, group_key text DEFAULT NULL, run_at timestamptz DEFAULT NULL,
                            depends_on bigint[] DEFAULT NULL, priority int DEFAULT NULL) RETURNS bigint LANGUAGE sql AS
    $$ SELECT astrid_enqueue(queue, jsonb_build_object('name', name), group_key => group_key, run_at => run_at,
                             depends_on => depends_on, priority => priority) $$;
CREATE FUNCTION pg_temp.job(wanted text) RETURNS bigint LANGUAGE sql AS
    $$ SELECT job_id FROM astrid.job_status WHERE payload ->> 'name' = wanted $$;
CREATE FUNCTION pg_temp.claim(queue text, worker text, n int DEFAULT 1) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(payload ->> 'name', ' ') FROM astrid_claim(ARRAY[queue], worker, n) $$;
CREATE FUNCTION pg_temp.fail(name text, error text, retryable boolean DEFAULT true, cause text DEFAULT NULL) RETURNS text LANGUAGE sql AS
    $$ SELECT astrid_fail(job_id, lease_id, $2, $3, retry_in => '1 min',
                          info => CASE WHEN $4 IS NOT NULL THEN jsonb_build_object('cause', $4) END)
         FROM astrid.job_status WHERE payload ->> 'name' = $1 $$;
CREATE FUNCTION pg_temp.done(name text) RETURNS boolean LANGUAGE sql AS
    $$ SELECT astrid_complete(job_id, lease_id) FROM astrid.job_status WHERE payload ->> 'name' = name $$;

-- Ready, and nobody there
SELECT astrid_create_queue('wh', worker_type => 'why', max_attempts => 2, timeout => '30 s');
SELECT pg_temp.add('wh', 'first') IS NULL, pg_temp.add('wh', 'second') IS NULL, pg_temp.add('wh', 'urgent', priority => -1) IS NULL;
SELECT pg_temp.why(pg_temp.job('second'));
-- a worker of another type does not count, one of this type does; one that is busy, ill, draining or gone
SELECT astrid_heartbeat('other_w', info => '{"worker_type": "other"}');
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_heartbeat('why_w', info => '{"worker_type": "why"}');
SELECT pg_temp.why(pg_temp.job('second'));
SELECT pg_temp.why(pg_temp.job('urgent'));
SELECT astrid_heartbeat('why_w', info => '{"worker_type": "why", "status": "BUSY"}');
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_heartbeat('why_w', info => '{"worker_type": "why", "status": "ERROR"}');
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_drain_worker('why_w');
SELECT pg_temp.why(pg_temp.job('second'));
SET astrid.test_clock = '2030-01-01 00:02:00+00';
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_heartbeat('why_w', info => '{"status": "STOPPED"}');
SELECT astrid_heartbeat('why_w', info => '{"status": "IDLE"}');
BEGIN;
-- as if the last claim had been long ago: this needs the real clock
CREATE OR REPLACE FUNCTION astrid._claimed_at(queue text) RETURNS timestamptz LANGUAGE sql RETURN timestamptz '2020-01-01 00:00:00+00';
SELECT pg_temp.why(pg_temp.job('second'));
ROLLBACK;
-- a worker without a type is known by the queue it last served; a client that only claims is one too
SELECT astrid_create_queue('untyped', worker_type => 'nobody');
SELECT pg_temp.add('untyped', 'stray') IS NULL, pg_temp.add('untyped', 'stray2') IS NULL;
SELECT astrid_heartbeat('untyped_w', info => '{"worker_type": "untyped"}');
SELECT pg_temp.why(pg_temp.job('stray'));
SELECT astrid_heartbeat('untyped_w', info => '{"status": "STOPPED"}');
SELECT pg_temp.claim('untyped', 'psql');
SELECT pg_temp.why(pg_temp.job('stray2'));
-- another queue comes first
SELECT astrid_create_queue('wh_first', worker_type => 'why', priority => -1);
SELECT pg_temp.add('wh_first', 'privileged') IS NULL;
SELECT pg_temp.why(pg_temp.job('first'));
SELECT astrid_drop_queue('wh_first');

-- Paused; with more than one reason each is named
SELECT astrid_pause_queue('wh');
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_drain_worker('why_w');
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_heartbeat('why_w', info => '{"status": "STOPPED"}');
SELECT astrid_heartbeat('why_w', info => '{"status": "IDLE"}');
SELECT astrid_resume_queue('wh');

-- Limits of the queue
SELECT astrid_alter_queue('wh', concurrency => 1);
SELECT pg_temp.claim('wh', 'why_w', 9);
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_alter_queue('wh', concurrency => 0);
SELECT astrid_create_queue('many', concurrency => 5);
SELECT count(pg_temp.add('many', 'm' || i)) FROM generate_series(1, 6) i;
SELECT pg_temp.claim('many', 'why_w', 9);
SELECT pg_temp.why(pg_temp.job('m6'));
SELECT astrid_drop_queue('many');
SELECT astrid_create_queue('rated', rate_limit => 1, rate_interval => '1 min');
SELECT pg_temp.add('rated', 'r1') IS NULL, pg_temp.add('rated', 'r2') IS NULL;
SELECT pg_temp.claim('rated', 'why_w', 9);
SELECT pg_temp.why(pg_temp.job('r2'));
SET astrid.test_clock = '2030-01-01 00:03:00+00';
SELECT astrid_heartbeat('why_w');
SELECT pg_temp.why(pg_temp.job('r2'));
SELECT astrid_drop_queue('rated');

-- Limits of its group: not looked at yet, and parked
SELECT astrid_create_queue('grouped', group_concurrency => 1, group_rate_limit => 2, group_rate_interval => '10 min');
SELECT pg_temp.add('grouped', 'g1', 'a') IS NULL, pg_temp.add('grouped', 'g2', 'a') IS NULL;
SELECT pg_temp.claim('grouped', 'why_w');
SELECT pg_temp.why(pg_temp.job('g2'));
SELECT pg_temp.claim('grouped', 'why_w');
SELECT pg_temp.why(pg_temp.job('g2'));
-- its rate: not looked at yet, and put aside
SELECT pg_temp.done('g1');
SELECT pg_temp.claim('grouped', 'why_w');
SELECT pg_temp.done('g2');
SELECT pg_temp.add('grouped', 'g3', 'a') IS NULL;
SELECT pg_temp.why(pg_temp.job('g3'));
SELECT pg_temp.claim('grouped', 'why_w');
SELECT pg_temp.why(pg_temp.job('g3'));
SELECT astrid_drop_queue('grouped');

-- Ordered: behind a job that runs, that is to be retried, that is dead
SELECT astrid_create_queue('ord', ordered => true, dead_blocks => true, max_attempts => 2);
SELECT pg_temp.add('ord', 'o1', 'a') IS NULL, pg_temp.add('ord', 'o2', 'a') IS NULL, pg_temp.add('ord', 'o3', 'a') IS NULL;
SELECT pg_temp.claim('ord', 'why_w', 9);
SELECT pg_temp.why(pg_temp.job('o2'));
SELECT pg_temp.why(pg_temp.job('o3'));
SELECT pg_temp.fail('o1', 'no stars');
SELECT pg_temp.why(pg_temp.job('o2'));
SELECT pg_temp.why(pg_temp.job('o1'));
SELECT astrid_retry(pg_temp.job('o1'));
SELECT pg_temp.why(pg_temp.job('o2'));
SELECT pg_temp.claim('ord', 'why_w', 9);
SELECT pg_temp.fail('o1', 'still no stars');
SELECT pg_temp.why(pg_temp.job('o2'));
SELECT pg_temp.why(pg_temp.job('o1'));
-- what must not be: a place that was not handed on
BEGIN;
DELETE FROM astrid.group_slot;
SELECT pg_temp.why(pg_temp.job('o2'));
ROLLBACK;
SELECT astrid_drop_queue('ord');

-- Other jobs
SELECT pg_temp.why(pg_temp.job('urgent'));
SELECT pg_temp.add('wh', 'child', depends_on => ARRAY[pg_temp.job('urgent'), pg_temp.job('first')]) IS NULL;
SELECT pg_temp.why(pg_temp.job('child'));
SELECT pg_temp.add('wh', 'grandchild', depends_on => ARRAY[pg_temp.job('child')]) IS NULL;
SELECT astrid_pause_queue('wh');
SELECT pg_temp.why(pg_temp.job('grandchild'));
SELECT astrid_resume_queue('wh');
SELECT astrid_enqueue('wh', '{"name": "either"}', depends_on => ARRAY[pg_temp.job('urgent'), pg_temp.job('first')], depends_mode => 'any') IS NULL;
SELECT pg_temp.why(pg_temp.job('either'));
SELECT astrid_enqueue('wh', '{"name": "fragile"}', depends_on => ARRAY[pg_temp.job('urgent')], depends_failure => 'cancel') IS NULL;
SELECT pg_temp.why(pg_temp.job('fragile'));
SELECT pg_temp.fail('urgent', 'no stars', false);
SELECT pg_temp.why(pg_temp.job('child'));
SELECT pg_temp.why(pg_temp.job('either'));
SELECT pg_temp.why(pg_temp.job('fragile'));
SELECT pg_temp.why(pg_temp.job('urgent'));

-- Time: as enqueued, after a failure, due
SELECT pg_temp.add('wh', 'tomorrow', run_at => '2030-01-02') IS NULL;
SELECT pg_temp.why(pg_temp.job('tomorrow'));
SELECT pg_temp.claim('wh', 'why_w');
SELECT pg_temp.fail('first', 'out of memory', cause => 'memory');
SELECT pg_temp.why(pg_temp.job('first'));
SET astrid.test_clock = '2030-01-01 00:05:00+00';
SELECT astrid_heartbeat('why_w');
SELECT pg_temp.why(pg_temp.job('first'));
-- whose fault that is
BEGIN;
CREATE FUNCTION pg_temp.engine(preloaded boolean, maintenance boolean, launcher boolean, known boolean, pid int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$CREATE OR REPLACE FUNCTION astrid._engine(OUT preloaded boolean, OUT maintenance boolean, OUT launcher boolean, OUT known boolean,
        OUT worker_pid int, OUT failures int, OUT passed_at timestamptz, OUT waiters int, OUT waiter_slots int) LANGUAGE sql AS
        'SELECT %s, %s, %s, %s, %s::int, 3, timestamptz ''2030-01-01 00:04:59+00'', 1, 9'$f$,
        preloaded::text, maintenance::text, launcher::text, known::text, coalesce(pid::text, 'NULL'));
    RETURN pg_temp.why(pg_temp.job('first'));
END $$;
SELECT pg_temp.engine(false, true, false, false, NULL);
SELECT pg_temp.engine(true, true, false, false, NULL);
SELECT pg_temp.engine(true, true, true, false, NULL);
SELECT pg_temp.engine(true, true, true, true, NULL);
SELECT pg_temp.engine(true, true, true, true, 4711);
ROLLBACK;
SELECT astrid_maintain() ->> 'promoted' AS promoted;

-- Running: with a lease, taken ahead, told to cancel, without a lease
SELECT pg_temp.claim('wh', 'why_w', 2);
SELECT pg_temp.why(pg_temp.job('second'));
SET astrid.test_clock = '2030-01-01 00:05:10+00';
SELECT astrid_heartbeat('why_w', info => jsonb_build_object('job_id', pg_temp.job('second')));
SELECT pg_temp.why(pg_temp.job('first'));
SELECT astrid_cancel(pg_temp.job('second'));
SELECT pg_temp.why(pg_temp.job('second'));
SET astrid.test_clock = '2030-01-01 00:10:00+00';
SELECT pg_temp.why(pg_temp.job('first'));

-- Dead, cancelled, completed
SELECT astrid_reap();
SELECT pg_temp.why(pg_temp.job('first'));
SELECT pg_temp.why(pg_temp.job('second'));
SELECT astrid_cancel(pg_temp.job('child'));
SELECT pg_temp.why(pg_temp.job('child'));
SELECT pg_temp.why(pg_temp.job('grandchild'));
SELECT pg_temp.add('wh', 'last') IS NULL;
SELECT pg_temp.claim('wh', 'why_w');
SELECT pg_temp.job('last') AS last \gset
SELECT pg_temp.done('last');
SELECT pg_temp.why(:last);

-- Deadlines: ahead, passed, and dead of it; running past it
SELECT astrid_create_queue('ends', max_crashes => 1);
SELECT astrid_heartbeat('why_w', info => '{"job_id": 0}');
SELECT astrid_enqueue('ends', '{"name": "d1"}', deadline => '2030-01-01 00:11:00+00') IS NULL;
SELECT astrid_enqueue('ends', '{"name": "d2"}', deadline => '2030-01-01 00:11:00+00') IS NULL;
SELECT astrid_enqueue('ends', '{"name": "d3"}', deadline => '2030-01-01 00:11:00+00', run_at => '2030-01-01 00:10:30+00') IS NULL;
SELECT pg_temp.why(pg_temp.job('d2'));
SELECT pg_temp.why(pg_temp.job('d3'));
SELECT pg_temp.claim('ends', 'why_w');
SELECT pg_temp.why(pg_temp.job('d1'));
SET astrid.test_clock = '2030-01-01 00:11:00+00';
SELECT count(*) FROM astrid_heartbeat('why_w', ARRAY[pg_temp.job('d1')], ARRAY(SELECT lease_id FROM astrid.job_status WHERE payload ->> 'name' = 'd1'));
SELECT pg_temp.why(pg_temp.job('d2'));
SELECT pg_temp.why(pg_temp.job('d3'));
SELECT astrid_maintain() - 'rotated';
SELECT pg_temp.why(pg_temp.job('d2'));
SELECT pg_temp.why(pg_temp.job('d1'));
SELECT pg_temp.fail('d1', 'too late');
SELECT pg_temp.why(pg_temp.job('d1'));
-- Crashes, a retry policy
SELECT astrid_enqueue('ends', '{"name": "crasher"}') IS NULL;
SELECT pg_temp.claim('ends', 'why_w');
SELECT pg_temp.fail('crasher', 'segmentation fault', cause => 'signal');
SELECT pg_temp.why(pg_temp.job('crasher'));
SELECT astrid_enqueue('ends', '{"name": "patient"}', retry => '{"kind": "fixed", "base": "5 min", "jitter": 0}') IS NULL;
SELECT astrid_fail(job_id, lease_id, 'clouds') FROM astrid_claim('{ends}', 'why_w');
SELECT pg_temp.why(pg_temp.job('patient'));
-- Unique keys: behind a running job, and kept taken by a window
SELECT astrid_enqueue('ends', '{"name": "u1"}', unique_key => 'k', unique_window => '1 hour') IS NULL;
SELECT pg_temp.claim('ends', 'why_w');
SELECT astrid_enqueue('ends', '{"name": "u2"}', unique_key => 'k', unique_mode => 'replace') IS NULL;
SELECT pg_temp.why(pg_temp.job('u2'));
SELECT astrid_enqueue('ends', '{"name": "v"}', unique_key => 'l', unique_window => '1 hour') IS NULL;
SELECT pg_temp.claim('ends', 'why_w');
SELECT pg_temp.done('v');
SELECT pg_temp.why(pg_temp.job('v'));
SELECT astrid_drop_queue('ends');

-- Not there
SELECT astrid_drop_queue('wh');
SELECT pg_temp.why(:last);
BEGIN;
SELECT pg_temp.add('untyped', 'undone') AS undone \gset
ROLLBACK;
SELECT replace(astrid_why(:undone), :'undone', 'N');
SELECT pg_temp.why(-1);
SELECT pg_temp.why(9223372036854775807);
SELECT pg_temp.why(NULL);
SELECT astrid_job(-1);

-- A backlog is not counted to its end
SELECT count(*) FROM astrid_enqueue_batch('untyped', array_fill('{}'::jsonb, '{10002}'));
SELECT pg_temp.add('untyped', 'far') IS NULL;
SELECT pg_temp.why(pg_temp.job('far'));
SELECT astrid_drop_queue('untyped');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
\c regression
DROP DATABASE why_test;
