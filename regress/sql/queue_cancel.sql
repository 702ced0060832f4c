-- Cancel and snooze.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('ca', max_attempts => 2);

-- ready, scheduled and blocked jobs at once
SELECT astrid_enqueue('ca', '"ready"', unique_key => 'k') AS ready \gset
SELECT astrid_enqueue('ca', '"scheduled"', run_at => 'infinity') AS scheduled \gset
SELECT astrid_enqueue('ca', '"blocked"', depends_on => ARRAY[:scheduled]) AS blocked \gset
SELECT astrid_cancel(j) FROM unnest(ARRAY[:ready, :scheduled, :blocked]) j;
SELECT payload, state, started_at, finished_at IS NOT NULL AS finished, worker_id FROM astrid.job_status
 WHERE queue_name = 'ca' ORDER BY job_id;
SELECT (SELECT count(*) FROM astrid.unique_key) AS keys, (SELECT count(*) FROM astrid.dependency) AS dependencies;
SELECT astrid_cancel(:ready);
SELECT astrid_claim(ARRAY['ca'], 'w');

-- a running one is told by the heartbeat; it is cancelled however its attempt ends, unless it completes
SELECT count(*) FROM astrid_enqueue_batch('ca', ARRAY['1', '2', '3', '4']::jsonb[]);
SELECT array_agg(job_id ORDER BY job_id) AS jobs, array_agg(lease_id ORDER BY job_id) AS leases
  FROM astrid_claim(ARRAY['ca'], 'w', 4) \gset
SELECT astrid_cancel(j) FROM unnest(:'jobs'::bigint[]) j;
SELECT command, count(*) FROM astrid_heartbeat('w', :'jobs', :'leases') GROUP BY 1;
SELECT state, count(*) FROM astrid.job_status WHERE queue_name = 'ca' GROUP BY 1 ORDER BY 1;
SELECT astrid_fail((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], 'told to stop', info => '{"cause": "cancel"}');
SELECT astrid_fail((:'jobs'::bigint[])[2], (:'leases'::bigint[])[2], 'failed by itself');
SELECT astrid_complete((:'jobs'::bigint[])[3], (:'leases'::bigint[])[3]);
SELECT astrid_snooze((:'jobs'::bigint[])[4], (:'leases'::bigint[])[4], '1 s');
SELECT payload, state, error, worker_id FROM astrid.job_status WHERE job_id = ANY (:'jobs') ORDER BY job_id;
\set VERBOSITY sqlstate
SELECT astrid_cancel((:'jobs'::bigint[])[3]);
\set VERBOSITY default
SELECT astrid_cancel(-1);
SELECT astrid_cancel(NULL);

-- snooze takes no attempt
SELECT astrid_enqueue('ca', '5') AS job \gset
SELECT job_id, lease_id, attempt FROM astrid_claim(ARRAY['ca'], 'w') \gset
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT astrid_snooze(:job_id, :lease_id, '10 min');
SELECT state, attempt, run_at FROM astrid.job_status WHERE job_id = :job;
SET astrid.test_clock = '2030-01-01 00:10:00+00';
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SELECT attempt FROM astrid_claim(ARRAY['ca'], 'w');
SELECT count(*) AS attempts_on_record FROM astrid.attempt WHERE job_id = :job;
\set VERBOSITY sqlstate
SELECT astrid_snooze(:job_id, :lease_id, '10 min');
\set VERBOSITY default
RESET astrid.test_clock;
SELECT astrid_drop_queue('ca');
SELECT astrid_maintain() ->> 'swept' AS swept;
