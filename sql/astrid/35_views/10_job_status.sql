-- Before the functions that read it. One branch per state table. Every column has the same type in each branch, to the
-- letter: only then does the planner see through UNION ALL, drop branches whose state is not asked for, and leave out
-- columns that are not (the look-up of the last error would cost more than all the rest).
CREATE VIEW astrid.job_status AS
SELECT j.job_id, q.queue_name, j.state, j.priority, j.attempt, j.max_attempts, j.run_at, j.enqueued_at, j.started_at,
       j.finished_at, j.worker_id, j.lease_id, j.payload, j.result, j.error, j.progress, j.step, j.message,
       j.lease_until, j.max_attempts - 1 AS max_retries, extract(epoch FROM j.timeout)::float8 AS timeout,
       j.unique_key, j.group_key, j.tags, q.worker_type, j.deadline, j.crashes
  FROM (SELECT job_id, queue_id, 'ready'::text AS state, priority, attempt, max_attempts, run_at, enqueued_at,
               NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at, NULL::text AS worker_id,
               NULL::bigint AS lease_id, payload, NULL::jsonb AS result,
               CASE WHEN attempt > 0 THEN (SELECT a.error FROM astrid.attempt a WHERE a.job_id = t.job_id
                                      ORDER BY a.ended_at DESC, a.lease_id DESC LIMIT 1) END AS error,
               0::float8 AS progress, NULL::text AS step, NULL::text AS message, NULL::timestamptz AS lease_until,
               timeout, unique_key, group_key, tags, deadline, crashes
          FROM astrid.ready t
         UNION ALL
        SELECT job_id, queue_id, CASE WHEN blocked THEN 'blocked' ELSE 'scheduled' END, priority, attempt,
               max_attempts, run_at, enqueued_at, NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::bigint,
               payload, NULL::jsonb,
               CASE WHEN attempt > 0 THEN (SELECT a.error FROM astrid.attempt a WHERE a.job_id = t.job_id
                                      ORDER BY a.ended_at DESC, a.lease_id DESC LIMIT 1) END,
               0::float8, NULL::text, NULL::text, NULL::timestamptz, timeout, unique_key, group_key, tags, deadline, crashes
          FROM astrid.waiting t
         UNION ALL
        SELECT job_id, queue_id, 'running'::text, priority, attempt, max_attempts, run_at, enqueued_at, started_at,
               NULL::timestamptz, worker, lease_id, payload, NULL::jsonb,
               CASE WHEN attempt > 1 THEN (SELECT a.error FROM astrid.attempt a WHERE a.job_id = t.job_id
                                      ORDER BY a.ended_at DESC, a.lease_id DESC LIMIT 1) END,
               coalesce(progress, 0::float8), step, message, lease_until, timeout, unique_key, group_key, tags, deadline, crashes
          FROM astrid.running t
         UNION ALL
        SELECT job_id, queue_id, 'dead'::text, priority, attempt, max_attempts, run_at, enqueued_at, started_at,
               finished_at, worker, lease_id, payload, NULL::jsonb, error, 0::float8, NULL::text, NULL::text,
               NULL::timestamptz, timeout, unique_key, group_key, tags, deadline, crashes
          FROM astrid.dead
         UNION ALL
        SELECT job_id, queue_id, state, priority, attempt, max_attempts, run_at, enqueued_at, started_at, finished_at,
               worker, lease_id, payload, result, error,
               CASE WHEN state = 'completed' THEN 1::float8 ELSE 0::float8 END, NULL::text, NULL::text,
               NULL::timestamptz, timeout, unique_key, group_key, tags, deadline, crashes
          FROM astrid.history) j
  JOIN astrid.queue q USING (queue_id);

COMMENT ON VIEW astrid.job_status IS 'Every job, live and finished, with its state.';
COMMENT ON COLUMN astrid.job_status.job_id IS 'Number of the job.';
COMMENT ON COLUMN astrid.job_status.queue_name IS 'Queue of the job.';
COMMENT ON COLUMN astrid.job_status.state IS 'blocked, scheduled, ready, running, completed, cancelled or dead.';
COMMENT ON COLUMN astrid.job_status.priority IS 'The smaller number runs first.';
COMMENT ON COLUMN astrid.job_status.attempt IS 'Attempts begun so far.';
COMMENT ON COLUMN astrid.job_status.max_attempts IS 'Attempts before the job is dead.';
COMMENT ON COLUMN astrid.job_status.run_at IS 'Not to be run earlier.';
COMMENT ON COLUMN astrid.job_status.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN astrid.job_status.started_at IS 'When the last attempt was claimed (running and later).';
COMMENT ON COLUMN astrid.job_status.finished_at IS 'When it was completed or cancelled, or died.';
COMMENT ON COLUMN astrid.job_status.worker_id IS 'Worker of the last attempt (running and later).';
COMMENT ON COLUMN astrid.job_status.lease_id IS 'Lease of that attempt.';
COMMENT ON COLUMN astrid.job_status.payload IS 'What is to be done.';
COMMENT ON COLUMN astrid.job_status.result IS 'What the worker returned.';
COMMENT ON COLUMN astrid.job_status.error IS 'Error of the last failed attempt, until the job is completed.';
COMMENT ON COLUMN astrid.job_status.progress IS 'Fraction done, 0 to 1.';
COMMENT ON COLUMN astrid.job_status.step IS 'What the worker is at.';
COMMENT ON COLUMN astrid.job_status.message IS 'What the worker says about it.';
COMMENT ON COLUMN astrid.job_status.lease_until IS 'When the lease runs out, unless a heartbeat renews it.';
COMMENT ON COLUMN astrid.job_status.max_retries IS 'max_attempts less one.';
COMMENT ON COLUMN astrid.job_status.timeout IS 'Longest run of one attempt [s].';
COMMENT ON COLUMN astrid.job_status.unique_key IS 'No other live job of the queue has the same key.';
COMMENT ON COLUMN astrid.job_status.group_key IS 'What the job belongs to.';
COMMENT ON COLUMN astrid.job_status.tags IS 'Labels of the producer.';
COMMENT ON COLUMN astrid.job_status.worker_type IS 'Kind of worker that does it.';
COMMENT ON COLUMN astrid.job_status.deadline IS 'Dead if it is not done by then; null: none.';
COMMENT ON COLUMN astrid.job_status.crashes IS 'Attempts that ended in a crash or a lost lease.';
