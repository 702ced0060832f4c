-- Retry policies of queues and jobs; permanent errors; crashes are counted apart.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SET timezone = 'UTC';
SELECT astrid_create_queue('re', max_attempts => 6, backoff_base => '10 s', backoff_max => '1 min');

-- plays attempts that fail and tells the waits between them [s]
CREATE FUNCTION pg_temp.waits(policy jsonb, info jsonb DEFAULT NULL, OUT waits float8[], OUT state text) LANGUAGE plpgsql AS $$
DECLARE
    job bigint := astrid_enqueue('re', '{}', retry => policy);
    j record;
BEGIN
    LOOP
        SELECT * INTO j FROM astrid_claim(ARRAY['re'], 'w');
        state := astrid_fail(j.job_id, j.lease_id, 'e', info => info);
        EXIT WHEN state = 'dead';
        waits := waits || (SELECT extract(epoch FROM s.run_at - astrid.clock())::float8 FROM astrid.job_status s WHERE s.job_id = job);
        PERFORM astrid_retry(job);
    END LOOP;
END
$$;
SELECT * FROM pg_temp.waits('{"jitter": 0}');
SELECT * FROM pg_temp.waits('{"jitter": 0, "base": "2 s", "factor": 3, "max": "1 h"}');
SELECT * FROM pg_temp.waits('{"kind": "linear", "jitter": 0, "base": 5, "max": 12}');
SELECT * FROM pg_temp.waits('{"kind": "fixed", "jitter": 0, "base": "2 min"}');
SELECT * FROM pg_temp.waits('{"kind": "list", "jitter": 0, "delays": ["1 s", 2, "1 min"]}');
SELECT (SELECT bool_and(w BETWEEN 5 AND 10) AND count(DISTINCT w) > 1 FROM unnest(x.waits) w) AS jitter FROM pg_temp.waits('{"kind": "fixed", "jitter": 0.5}') x;
SELECT (SELECT bool_and(w BETWEEN 8 AND 60) FROM unnest(x.waits) w) AS as_ever, x.waits[5] >= 48 AS at_most FROM pg_temp.waits(NULL) x;

-- the queue's, unless the job has its own; the caller's wait goes before both
SELECT astrid_alter_queue('re', retry => '{"kind": "fixed", "base": "7 s", "jitter": 0, "permanent": ["exit", "not_fits", "gone"]}');
SELECT * FROM pg_temp.waits(NULL);
SELECT * FROM pg_temp.waits('{"kind": "list", "delays": [1], "jitter": 0}');
SELECT astrid_enqueue('re', '{}') AS job \gset
SELECT astrid_fail(job_id, lease_id, 'e', retry_in => '42 s') FROM astrid_claim(ARRAY['re'], 'w');
SELECT run_at - astrid.clock() AS wait FROM astrid.job_status WHERE job_id = :job;
SELECT regexp_replace(astrid_why(:job), '(job |retry\()\d+', '\1N', 'g') AS why;
SELECT astrid_retry(:job);
SELECT astrid_snooze(job_id, lease_id) FROM astrid_claim(ARRAY['re'], 'w');
SELECT run_at - astrid.clock() AS wait, attempt, crashes FROM astrid.job_status WHERE job_id = :job;
SELECT astrid_cancel(:job);

-- permanent: causes and error codes
SELECT * FROM pg_temp.waits(NULL, '{"cause": "exit"}');
SELECT * FROM pg_temp.waits(NULL, '{"cause": "error", "error": {"code": "not_fits"}}');
SELECT * FROM pg_temp.waits(NULL, '{"code": "gone"}');
SELECT * FROM pg_temp.waits(NULL, '{"cause": "error", "error": {"code": "io_error"}}');
SELECT cardinality(waits), state FROM pg_temp.waits('{"permanent": []}', '{"cause": "exit"}');
SELECT astrid_alter_queue('re', retry => 'null');
SELECT cardinality(waits), state FROM pg_temp.waits(NULL, '{"cause": "exit"}');

-- what is wrong with a policy is said when it is set
SELECT astrid_alter_queue('re', retry => '[]');
SELECT astrid_alter_queue('re', retry => '{"kind": "cubic"}');
SELECT astrid_alter_queue('re', retry => '{"base": "soon"}');
SELECT astrid_alter_queue('re', retry => '{"max": "-1 s"}');
SELECT astrid_alter_queue('re', retry => '{"factor": 0.5}');
SELECT astrid_alter_queue('re', retry => '{"jitter": "much"}');
SELECT astrid_alter_queue('re', retry => '{"delays": [1]}');
SELECT astrid_alter_queue('re', retry => '{"kind": "list"}');
SELECT astrid_alter_queue('re', retry => '{"kind": "list", "delays": ["1 s", null]}');
SELECT astrid_alter_queue('re', retry => '{"permanent": [1]}');
SELECT astrid_alter_queue('re', retry => '{"attempts": 3}');
SELECT astrid_create_queue('re_bad', retry => '{"kind": "cubic"}');
SELECT astrid_enqueue('re', '{}', retry => '{"kind": "cubic"}');
SELECT count(*) FROM astrid_enqueue_batch('re', ARRAY['{}']::jsonb[], retry => '{"jitter": 2}');
SELECT retry FROM astrid.queue WHERE queue_name LIKE 're%';

-- crashes: dead after max_crashes, whatever attempts are left; other failures and snoozes do not count
CREATE FUNCTION pg_temp.once(cause text, OUT new_state text, OUT attempt int, OUT crashes int, OUT error text) LANGUAGE plpgsql AS $$
DECLARE
    j record;
BEGIN
    SELECT * INTO STRICT j FROM astrid_claim(ARRAY['re'], 'w');
    IF cause = 'snooze' THEN
        PERFORM astrid_snooze(j.job_id, j.lease_id, '0');
    ELSE
        PERFORM astrid_fail(j.job_id, j.lease_id, 'it ' || cause, retry_in => '0', info => jsonb_build_object('cause', cause));
    END IF;
    SELECT s.state, s.attempt, s.crashes, s.error INTO new_state, attempt, crashes, error FROM astrid.job_status s WHERE s.job_id = j.job_id;
END
$$;
SELECT astrid_enqueue('re', '{}', max_attempts => 20, unique_key => 'k') AS job \gset
SELECT * FROM pg_temp.once('crash');
SELECT * FROM pg_temp.once('error');
SELECT * FROM pg_temp.once('timeout');
SELECT * FROM pg_temp.once('signal');
SELECT * FROM pg_temp.once('snooze');
SELECT astrid_enqueue('re', '{}', unique_key => 'k') = :job AS still_held;
SELECT * FROM pg_temp.once('memory');
SELECT regexp_replace(astrid_why(:job), '(job |retry\()\d+', '\1N', 'g') AS why;
SELECT attempt, max_attempts, crashes, jsonb_array_length(attempts) AS attempts, error FROM astrid.dead_letters WHERE job_id = :job;
SELECT astrid_retry(:job);
SELECT attempt, crashes FROM astrid.job_status WHERE job_id = :job;
SELECT astrid_cancel(:job);
-- lost leases count
SELECT astrid_alter_queue('re', max_crashes => 2);
SELECT astrid_enqueue('re', '{}') AS job \gset
SELECT count(*) FROM astrid_claim(ARRAY['re'], 'w');
SET astrid.test_clock = '2030-01-01 00:02:00+00';
SELECT astrid_reap();
SELECT state, attempt, crashes FROM astrid.job_status WHERE job_id = :job;
SELECT count(*) FROM astrid_claim(ARRAY['re'], 'w');
SET astrid.test_clock = '2030-01-01 00:04:00+00';
SELECT astrid_reap();
SELECT state, attempt, crashes, error FROM astrid.job_status WHERE job_id = :job;
SELECT astrid_redrive('re') > 0 AS redriven;
SELECT state, attempt, crashes FROM astrid.job_status WHERE job_id = :job;
-- attempts used up are told as such
SELECT astrid_clear_queue('re') > 0 AS cleared;
SELECT astrid_enqueue('re', '{}', max_attempts => 1) > 0 AS enqueued;
SELECT * FROM pg_temp.once('crash');

SELECT astrid_drop_queue('re');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
