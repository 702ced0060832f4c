CREATE TABLE astrid.attempt (
    job_id     bigint NOT NULL,
    lease_id   bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL,
    attempt    int NOT NULL,
    queue_id   int NOT NULL,
    slot       smallint NOT NULL,
    worker     text NOT NULL,
    cause      text NOT NULL,
    error      text,
    info       jsonb
) PARTITION BY LIST (slot);
CREATE INDEX attempt_job ON astrid.attempt (job_id);
COMMENT ON TABLE astrid.attempt IS 'Attempts that did not complete their job, each with its cause: a daily ring as history.';
COMMENT ON COLUMN astrid.attempt.job_id IS 'Job of the attempt.';
COMMENT ON COLUMN astrid.attempt.lease_id IS 'Its lease.';
COMMENT ON COLUMN astrid.attempt.started_at IS 'When it was claimed.';
COMMENT ON COLUMN astrid.attempt.ended_at IS 'When it was given up.';
COMMENT ON COLUMN astrid.attempt.attempt IS 'Number of the attempt, from 1.';
COMMENT ON COLUMN astrid.attempt.queue_id IS 'Queue of the job.';
COMMENT ON COLUMN astrid.attempt.slot IS 'Partition of the ring: day modulo 8.';
COMMENT ON COLUMN astrid.attempt.worker IS 'Worker that ran it.';
COMMENT ON COLUMN astrid.attempt.cause IS
    'error, exit, signal, timeout, memory, crash, cancel as the worker reports it, lease expired, or deadline.';
COMMENT ON COLUMN astrid.attempt.error IS 'Text of the error.';
COMMENT ON COLUMN astrid.attempt.info IS 'What else the worker reported: signal, exit code, resource usage.';

CREATE TABLE astrid.job_log (
    job_id    bigint NOT NULL,
    lease_id  bigint NOT NULL,
    logged_at timestamptz NOT NULL,
    attempt   int NOT NULL,
    queue_id  int,
    slot      smallint NOT NULL,
    level     text NOT NULL,
    message   text,
    fields    jsonb
) PARTITION BY LIST (slot);
CREATE INDEX job_log_job ON astrid.job_log (job_id);
COMMENT ON TABLE astrid.job_log IS 'What jobs said while they ran: a daily ring as history.';
COMMENT ON COLUMN astrid.job_log.job_id IS 'Job that said it.';
COMMENT ON COLUMN astrid.job_log.lease_id IS 'Lease of the attempt.';
COMMENT ON COLUMN astrid.job_log.logged_at IS 'When.';
COMMENT ON COLUMN astrid.job_log.attempt IS 'Number of the attempt.';
COMMENT ON COLUMN astrid.job_log.queue_id IS 'Queue of the job; null: written by version 0.1.0.';
COMMENT ON COLUMN astrid.job_log.slot IS 'Partition of the ring: day modulo 8.';
COMMENT ON COLUMN astrid.job_log.level IS 'debug, info, warning or error.';
COMMENT ON COLUMN astrid.job_log.message IS 'The text.';
COMMENT ON COLUMN astrid.job_log.fields IS 'Structured fields that go with it.';
