-- Counts are exact and cost nothing where the counters of extension/stats.c are exact, which is all but always; else a
-- look at what is live. History is not counted here.
CREATE VIEW astrid.queue_status AS
SELECT q.queue_name, q.worker_type, q.priority, q.max_attempts - 1 AS max_retries,
       extract(epoch FROM q.timeout)::float8 AS timeout, q.concurrency, q.enabled,
       coalesce(c.ready, 0) AS ready, coalesce(c.scheduled, 0) AS scheduled, coalesce(c.blocked, 0) AS blocked,
       coalesce(c.running, 0) AS running, coalesce(c.dead, 0) AS dead,
       CASE WHEN c.ready > 0 THEN greatest(astrid.clock() - astrid._oldest_ready(q.queue_id), interval '0') END
           AS oldest_ready_age,
       q.max_attempts, q.backoff_base, q.backoff_max, q.payload_schema, q.created_at, q.updated_at, q.accepting,
       -- A transaction id of before a restore into another server lies ahead of all of that server's. A counter may lag
       -- behind a commit for a moment: where it tells of nothing, the tables must too.
       CASE WHEN NOT q.accepting
                 AND coalesce(c.ready, 0) + coalesce(c.scheduled, 0) + coalesce(c.blocked, 0) + coalesce(c.running, 0) = 0
                 AND (q.closed_by < pg_snapshot_xmin(pg_current_snapshot())
                      OR q.closed_by >= pg_snapshot_xmax(pg_current_snapshot()))
            THEN NOT EXISTS (SELECT FROM astrid.ready r WHERE r.queue_id = q.queue_id)
                 AND NOT EXISTS (SELECT FROM astrid.waiting w WHERE w.queue_id = q.queue_id)
                 AND NOT EXISTS (SELECT FROM astrid.running x WHERE x.queue_id = q.queue_id)
            ELSE false END AS drained
  FROM astrid.queue q
  LEFT JOIN astrid._queue_counts() c USING (queue_id);

COMMENT ON VIEW astrid.queue_status IS 'Settings of each queue and how many jobs it has in each state.';
COMMENT ON COLUMN astrid.queue_status.queue_name IS 'Name of the queue.';
COMMENT ON COLUMN astrid.queue_status.worker_type IS 'Kind of worker that does these jobs.';
COMMENT ON COLUMN astrid.queue_status.priority IS 'A claim from several queues serves the smaller number first.';
COMMENT ON COLUMN astrid.queue_status.max_retries IS 'Attempts after the first (max_attempts less one).';
COMMENT ON COLUMN astrid.queue_status.timeout IS 'Longest run of one attempt [s]; null: none.';
COMMENT ON COLUMN astrid.queue_status.concurrency IS 'Most jobs running at the same time; null: no limit.';
COMMENT ON COLUMN astrid.queue_status.enabled IS 'False: paused.';
COMMENT ON COLUMN astrid.queue_status.ready IS 'Jobs that may be claimed now.';
COMMENT ON COLUMN astrid.queue_status.scheduled IS 'Jobs whose time lies ahead, retries included.';
COMMENT ON COLUMN astrid.queue_status.blocked IS 'Jobs that wait for other jobs.';
COMMENT ON COLUMN astrid.queue_status.running IS 'Jobs leased to a worker.';
COMMENT ON COLUMN astrid.queue_status.dead IS 'Dead letters.';
COMMENT ON COLUMN astrid.queue_status.oldest_ready_age IS 'How long the oldest ready job has been due, of those at the head of each priority; null: none is ready.';
COMMENT ON COLUMN astrid.queue_status.max_attempts IS 'Attempts of a job before it is dead.';
COMMENT ON COLUMN astrid.queue_status.backoff_base IS 'Wait after the first failed attempt; doubles with each further one.';
COMMENT ON COLUMN astrid.queue_status.backoff_max IS 'Longest wait between attempts.';
COMMENT ON COLUMN astrid.queue_status.payload_schema IS 'JSON Schema (draft 7) that payloads must match.';
COMMENT ON COLUMN astrid.queue_status.created_at IS 'When the queue was created.';
COMMENT ON COLUMN astrid.queue_status.updated_at IS 'When its settings last changed.';
COMMENT ON COLUMN astrid.queue_status.accepting IS 'False: it is being drained.';
COMMENT ON COLUMN astrid.queue_status.drained IS
    'True: it is being drained, has no unfinished job, and no transaction is left that was writing when it was closed.';

CREATE VIEW astrid.dead_letters AS
SELECT d.job_id, q.queue_name, q.worker_type, d.priority, d.attempt, d.max_attempts, d.enqueued_at, d.started_at,
       d.finished_at, d.worker AS worker_id, d.error, d.payload,
       d.attempts, d.unique_key, d.group_key, d.tags, d.deadline, d.crashes
  FROM astrid.dead d
  JOIN astrid.queue q USING (queue_id);

COMMENT ON VIEW astrid.dead_letters IS 'Jobs that were given up, with the record of their attempts.';
COMMENT ON COLUMN astrid.dead_letters.job_id IS 'Number of the job.';
COMMENT ON COLUMN astrid.dead_letters.queue_name IS 'Queue of the job.';
COMMENT ON COLUMN astrid.dead_letters.worker_type IS 'Kind of worker that does it.';
COMMENT ON COLUMN astrid.dead_letters.priority IS 'Its priority.';
COMMENT ON COLUMN astrid.dead_letters.attempt IS 'Attempts begun.';
COMMENT ON COLUMN astrid.dead_letters.max_attempts IS 'Attempts it was allowed.';
COMMENT ON COLUMN astrid.dead_letters.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN astrid.dead_letters.started_at IS 'When the last attempt was claimed.';
COMMENT ON COLUMN astrid.dead_letters.finished_at IS 'When it died.';
COMMENT ON COLUMN astrid.dead_letters.worker_id IS 'Worker of the last attempt.';
COMMENT ON COLUMN astrid.dead_letters.error IS 'Error of the last attempt.';
COMMENT ON COLUMN astrid.dead_letters.payload IS 'What was to be done.';
COMMENT ON COLUMN astrid.dead_letters.attempts IS 'All attempts, each with cause, error and worker, as a JSON array.';
COMMENT ON COLUMN astrid.dead_letters.unique_key IS 'Its unique key; not held any more.';
COMMENT ON COLUMN astrid.dead_letters.group_key IS 'What the job belongs to.';
COMMENT ON COLUMN astrid.dead_letters.tags IS 'Labels of the producer.';
COMMENT ON COLUMN astrid.dead_letters.deadline IS 'When it had to be done; null: no such time.';
COMMENT ON COLUMN astrid.dead_letters.crashes IS 'Attempts that ended in a crash or a lost lease.';
