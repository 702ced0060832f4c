-- Heartbeats: leases, commands, the worker's row and samples; progress and log.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT astrid_create_queue('hb');
SELECT count(*) FROM astrid_enqueue_batch('hb', ARRAY['1', '2']::jsonb[]);
SELECT array_agg(job_id ORDER BY job_id) AS jobs, array_agg(lease_id ORDER BY job_id) AS leases
  FROM astrid_claim(ARRAY['hb'], 'hb_w', 2, '30 s') \gset

-- renews what is held, tells what is lost, never shortens
SET astrid.test_clock = '2030-01-01 00:00:20+00';
SELECT job_id = -3 AS the_unknown, command FROM astrid_heartbeat('hb_w', :'jobs'::bigint[] || -3::bigint, :'leases'::bigint[] || 9::bigint, '30 s');
SELECT payload, lease_until FROM astrid.job_status WHERE queue_name = 'hb' ORDER BY 1;
SELECT astrid_heartbeat('hb_w', :'jobs', :'leases', '1 s');
SELECT payload, lease_until FROM astrid.job_status WHERE queue_name = 'hb' ORDER BY 1;
-- somebody else's lease number does not do
SELECT command, count(*) FROM astrid_heartbeat('other', :'jobs', ARRAY[0, 0]) GROUP BY 1;

-- the worker as it describes itself; without a beat it is stopped
SELECT astrid_heartbeat('hb_w', :'jobs', :'leases', '30 s', '{"worker_type": "tester", "memory_usage": 12.5, "cpu_usage": 99,
    "tasks_processed": 4, "tasks_failed": 1, "average_processing_time": 0.25, "concurrency": 2, "host": "here", "pid": 42,
    "version": "1"}');
\x on
SELECT worker_id, worker_type, status, tasks_processed, tasks_failed, average_processing_time, memory_usage, cpu_usage, last_heartbeat,
       started_at, draining, concurrency, running, host, pid, version FROM astrid.worker_status WHERE worker_id = 'hb_w';
\x off
SET astrid.test_clock = '2030-01-01 00:01:00+00';
SELECT status FROM astrid.worker_status WHERE worker_id = 'hb_w';
SELECT astrid_heartbeat('hb_w', info => '{"status": "ERROR", "memory_usage": "a lie"}');
SELECT status, memory_usage, worker_type FROM astrid.worker_status WHERE worker_id = 'hb_w';
SELECT sampled_at, running, memory_usage FROM astrid.worker_metrics WHERE worker_id = 'hb_w' ORDER BY 1, 2, 3;

-- drain
SELECT astrid_drain_worker('hb_w');
SELECT * FROM astrid_heartbeat('hb_w');
SELECT draining FROM astrid.worker_status WHERE worker_id = 'hb_w';
SELECT * FROM astrid_heartbeat('hb_w', info => '{"status": "STOPPED"}');
SELECT * FROM astrid_heartbeat('hb_w');
SELECT status, draining FROM astrid.worker_status WHERE worker_id = 'hb_w';

-- what is refused
SELECT astrid_heartbeat(NULL);
SELECT astrid_heartbeat('hb_w', '{1}');
SELECT astrid_heartbeat('hb_w', info => '{"status": "HAPPY"}');
SELECT astrid_drain_worker('hb_none');

-- progress and log, with the lease only
SELECT astrid_progress((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], 0.25, 'align', 'star lists');
SELECT astrid_progress((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], 0.5);
SELECT progress, step, message FROM astrid.job_status WHERE payload = '1' AND queue_name = 'hb';
SELECT astrid_progress((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], 1.5);
SELECT astrid_progress((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], 'NaN');
SELECT astrid_progress(-1, 5, 0.5);
SELECT astrid_log((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], 'warning', 'few stars', '{"n": 3}');
SELECT astrid_log((:'jobs'::bigint[])[1], (:'leases'::bigint[])[1], message => 'go on');
SELECT line - 'logged_at' AS line FROM jsonb_array_elements(astrid_job((:'jobs'::bigint[])[1]) -> 'log') line ORDER BY line ->> 'level';
SELECT astrid_log(-1, 5, 'info', 'x');
RESET astrid.test_clock;
SELECT astrid_drop_queue('hb');
SELECT astrid_maintain() ->> 'swept' AS swept;
