-- Failure: retry with back-off, dead letters, causes; retry and redrive.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT astrid_create_queue('fa', max_attempts => 4, backoff_base => '10 s', backoff_max => '30 s');

-- plays one attempt that fails; says the state and whether the wait lies within the jitter
CREATE FUNCTION pg_temp.fail_once(wait float8, OUT state text, OUT attempt int, OUT wait_is_right bool) LANGUAGE plpgsql AS $$
DECLARE
    j record;
BEGIN
    SELECT * INTO STRICT j FROM astrid_claim(ARRAY['fa'], 'w');
    attempt := j.attempt;
    state := astrid_fail(j.job_id, j.lease_id, 'error ' || j.attempt);
    SELECT extract(epoch FROM s.run_at - astrid.clock()) BETWEEN 0.8 * wait AND wait INTO wait_is_right
      FROM astrid.job_status s WHERE s.job_id = j.job_id;
END
$$;
SELECT astrid_enqueue('fa', '{}') AS job \gset
SELECT * FROM pg_temp.fail_once(10);
SELECT count(*) AS ready_too_early FROM astrid_claim(ARRAY['fa'], 'w');
SET astrid.test_clock = '2030-01-01 01:00:00+00';
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SELECT * FROM pg_temp.fail_once(20);
SET astrid.test_clock = '2030-01-01 02:00:00+00';
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SELECT * FROM pg_temp.fail_once(30);
SET astrid.test_clock = '2030-01-01 03:00:00+00';
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SELECT state, attempt FROM pg_temp.fail_once(0);
SELECT error, attempt, max_attempts, finished_at, worker_id FROM astrid.dead_letters WHERE job_id = :job;
SELECT a ->> 'attempt' AS attempt, a ->> 'error' AS error, a ->> 'cause' AS cause, a ->> 'worker' AS worker, a ->> 'ended_at' AS ended_at
  FROM astrid.dead_letters, jsonb_array_elements(attempts) a WHERE job_id = :job ORDER BY 1;
SELECT jsonb_array_length(astrid_job(:job) -> 'attempts') AS attempts;

-- retry: a new set of attempts, the old ones still on record
SELECT astrid_retry(:job);
SELECT state, attempt, jsonb_array_length(astrid_job(:job) -> 'attempts') AS on_record FROM astrid.job_status WHERE job_id = :job;
SELECT job_id, lease_id FROM astrid_claim(ARRAY['fa'], 'w') \gset
\set VERBOSITY sqlstate
SELECT astrid_retry(:job);
SELECT astrid_retry(-1);
\set VERBOSITY default

-- causes: what the worker reports is kept; nothing else is taken
SELECT astrid_fail(:job_id, :lease_id, 'killed', info => '{"cause": "signal", "signal": 9, "rusage": {"maxrss": 123}}');
SELECT cause, error, info FROM astrid.attempt WHERE job_id = :job ORDER BY lease_id DESC LIMIT 1;
SELECT astrid_retry(:job);
SELECT job_id, lease_id FROM astrid_claim(ARRAY['fa'], 'w') \gset
SELECT astrid_fail(:job_id, :lease_id, info => '{"cause": "bad luck"}');

-- the caller's wait; the error that cannot be helped
SELECT astrid_fail(:job_id, :lease_id, 'later', retry_in => '5 min');
SELECT state, run_at - astrid.clock() AS wait FROM astrid.job_status WHERE job_id = :job;
SELECT astrid_retry(:job);
SELECT job_id, lease_id FROM astrid_claim(ARRAY['fa'], 'w') \gset
SELECT astrid_fail(:job_id, :lease_id, 'at once', retry_in => '0');
SELECT job_id, lease_id FROM astrid_claim(ARRAY['fa'], 'w') \gset
SELECT astrid_fail(:job_id, :lease_id, 'cannot be', retryable => false);
\set VERBOSITY sqlstate
SELECT astrid_fail(:job_id, :lease_id, 'lost');
\set VERBOSITY default
SELECT state, attempt, error FROM astrid.job_status WHERE job_id = :job;

-- redrive: all dead jobs of the queue, in their order
SELECT astrid_alter_queue('fa', max_attempts => 1);
SELECT count(*) FROM astrid_enqueue_batch('fa', ARRAY['2', '3']::jsonb[]);
SELECT astrid_fail(job_id, lease_id, 'e') FROM astrid_claim(ARRAY['fa'], 'w', 2);
SELECT dead FROM astrid.queue_status WHERE queue_name = 'fa';
SELECT astrid_redrive('fa');
SELECT dead, ready FROM astrid.queue_status WHERE queue_name = 'fa';
SELECT payload, attempt FROM astrid_claim(ARRAY['fa'], 'w', 5);
SELECT astrid_redrive('fa');
SELECT astrid_redrive('fa_none');

-- sessions draw numbers of leases ahead: a later attempt may have a smaller one
SELECT astrid_enqueue('fa', '9', max_attempts => 3) AS job \gset
SELECT last_value AS lease FROM astrid.lease_seq \gset
SELECT setval('astrid.lease_seq', :lease + 10000) > 0 AS ahead;
SELECT astrid_fail(job_id, lease_id, 'first', retry_in => '0') FROM astrid_claim(ARRAY['fa'], 'w');
DISCARD SEQUENCES;
SELECT setval('astrid.lease_seq', :lease) > 0 AS behind;
SET astrid.test_clock = '2030-01-01 03:00:01+00';
SELECT astrid_fail(job_id, lease_id, 'second', retry_in => '1 min') FROM astrid_claim(ARRAY['fa'], 'w');
SELECT error, astrid_why(job_id) ~ 'second' AS why FROM astrid.job_status WHERE job_id = :job;
SELECT jsonb_path_query_array(astrid_job(:job), '$.attempts[*].error') AS errors;
DISCARD SEQUENCES;
SELECT setval('astrid.lease_seq', :lease + 20000) > 0 AS on_again;

SELECT astrid_drop_queue('fa');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
