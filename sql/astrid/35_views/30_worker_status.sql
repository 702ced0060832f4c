CREATE FUNCTION astrid._number(info jsonb, field text) RETURNS float8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(info -> field) = 'number' THEN (info ->> field)::float8 END;
COMMENT ON FUNCTION astrid._number(jsonb, text) IS 'A field that a worker reported, null where it is no number.';

CREATE VIEW astrid.worker_status AS
SELECT w.worker AS worker_id, w.worker_type,
       CASE WHEN w.lease_until < astrid.clock() THEN 'STOPPED' ELSE w.status END AS status,
       coalesce(astrid._number(w.info, 'tasks_processed'), 0)::bigint AS tasks_processed,
       coalesce(astrid._number(w.info, 'tasks_failed'), 0)::bigint AS tasks_failed,
       astrid._number(w.info, 'average_processing_time') AS average_processing_time,
       astrid._number(w.info, 'memory_usage') AS memory_usage,
       astrid._number(w.info, 'cpu_usage') AS cpu_usage,
       w.last_heartbeat, w.started_at, w.draining,
       astrid._number(w.info, 'concurrency')::int AS concurrency,
       (SELECT count(*) FROM astrid.running r WHERE r.worker = w.worker) AS running,
       w.info ->> 'host' AS host, astrid._number(w.info, 'pid')::int AS pid, w.info ->> 'version' AS version, w.info,
       astrid._number(w.info, 'max_memory') AS max_memory, astrid._number(w.info, 'max_cpu') AS max_cpu,
       astrid._number(w.info, 'prefetch_multiplier')::int AS prefetch_multiplier
  FROM astrid.worker w;

COMMENT ON VIEW astrid.worker_status IS 'Workers as their last heartbeat described them.';
COMMENT ON COLUMN astrid.worker_status.worker_id IS 'Name of the worker.';
COMMENT ON COLUMN astrid.worker_status.worker_type IS 'What kind of jobs it does.';
COMMENT ON COLUMN astrid.worker_status.status IS 'IDLE, BUSY, ERROR or STOPPED; STOPPED too when heartbeats stay away.';
COMMENT ON COLUMN astrid.worker_status.tasks_processed IS 'Jobs it has completed.';
COMMENT ON COLUMN astrid.worker_status.tasks_failed IS 'Attempts that failed on it.';
COMMENT ON COLUMN astrid.worker_status.average_processing_time IS 'Mean run time of an attempt [s].';
COMMENT ON COLUMN astrid.worker_status.memory_usage IS 'Memory in use [MiB].';
COMMENT ON COLUMN astrid.worker_status.cpu_usage IS 'CPU in use [% of one core].';
COMMENT ON COLUMN astrid.worker_status.last_heartbeat IS 'Last heartbeat.';
COMMENT ON COLUMN astrid.worker_status.started_at IS 'First heartbeat since it was last stopped.';
COMMENT ON COLUMN astrid.worker_status.draining IS 'It was told to finish its jobs and stop.';
COMMENT ON COLUMN astrid.worker_status.concurrency IS 'Jobs it runs at the same time.';
COMMENT ON COLUMN astrid.worker_status.running IS 'Jobs leased to it now.';
COMMENT ON COLUMN astrid.worker_status.host IS 'Machine it runs on.';
COMMENT ON COLUMN astrid.worker_status.pid IS 'Its process id there.';
COMMENT ON COLUMN astrid.worker_status.version IS 'Its version.';
COMMENT ON COLUMN astrid.worker_status.info IS 'All that it reported.';
COMMENT ON COLUMN astrid.worker_status.max_memory IS 'Memory that one job may use [MiB].';
COMMENT ON COLUMN astrid.worker_status.max_cpu IS 'CPU that one job may use [% of one core]; 0: no limit.';
COMMENT ON COLUMN astrid.worker_status.prefetch_multiplier IS 'Jobs it takes at a time for each that it runs.';

CREATE VIEW astrid.worker_metrics AS
SELECT s.worker AS worker_id, w.worker_type, s.sampled_at, s.running,
       coalesce(astrid._number(s.info, 'tasks_processed'), 0)::bigint AS tasks_processed,
       coalesce(astrid._number(s.info, 'tasks_failed'), 0)::bigint AS tasks_failed,
       astrid._number(s.info, 'average_processing_time') AS average_processing_time,
       astrid._number(s.info, 'memory_usage') AS memory_usage,
       astrid._number(s.info, 'cpu_usage') AS cpu_usage, s.info
  FROM astrid.worker_sample s
  LEFT JOIN astrid.worker w USING (worker);

COMMENT ON VIEW astrid.worker_metrics IS 'One row per heartbeat of a worker, for about a week.';
COMMENT ON COLUMN astrid.worker_metrics.worker_id IS 'Name of the worker.';
COMMENT ON COLUMN astrid.worker_metrics.worker_type IS 'What kind of jobs it does.';
COMMENT ON COLUMN astrid.worker_metrics.sampled_at IS 'Time of the heartbeat.';
COMMENT ON COLUMN astrid.worker_metrics.running IS 'Jobs that it held then.';
COMMENT ON COLUMN astrid.worker_metrics.tasks_processed IS 'Jobs completed since it started.';
COMMENT ON COLUMN astrid.worker_metrics.tasks_failed IS 'Attempts failed since it started.';
COMMENT ON COLUMN astrid.worker_metrics.average_processing_time IS 'Mean run time of an attempt [s].';
COMMENT ON COLUMN astrid.worker_metrics.memory_usage IS 'Memory in use [MiB].';
COMMENT ON COLUMN astrid.worker_metrics.cpu_usage IS 'CPU in use [% of one core].';
COMMENT ON COLUMN astrid.worker_metrics.info IS 'All that it reported.';
