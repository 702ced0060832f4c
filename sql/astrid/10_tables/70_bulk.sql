-- Operations on many jobs: on record, and those with a rate worked off by maintenance.
CREATE SEQUENCE astrid.bulk_seq;
COMMENT ON SEQUENCE astrid.bulk_seq IS 'Numbers of bulk operations.';

CREATE TABLE astrid.bulk_operation (
    bulk_id     bigint PRIMARY KEY DEFAULT nextval('astrid.bulk_seq'),
    last_job    bigint NOT NULL DEFAULT 0,
    matched     bigint NOT NULL DEFAULT 0,
    done        bigint NOT NULL DEFAULT 0,
    skipped     bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT astrid.clock(),
    next_at     timestamptz NOT NULL DEFAULT astrid.clock(),
    finished_at timestamptz,
    rate        int CHECK (rate >= 1),
    max_jobs    int CHECK (max_jobs >= 1),
    kind        text NOT NULL CHECK (kind IN ('cancel', 'retry', 'delete', 'move')),
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'cancelled', 'failed')),
    states      text[] NOT NULL,
    to_queue    text,
    created_by  text NOT NULL DEFAULT session_user,
    error       text,
    filter      jsonb NOT NULL
);
CREATE INDEX bulk_operation_running ON astrid.bulk_operation (next_at) WHERE state = 'running';
COMMENT ON TABLE astrid.bulk_operation IS 'Operations on many jobs, kept for a month after they have ended.';
COMMENT ON COLUMN astrid.bulk_operation.bulk_id IS 'Number of the operation.';
COMMENT ON COLUMN astrid.bulk_operation.last_job IS 'Jobs up to this number have had their turn.';
COMMENT ON COLUMN astrid.bulk_operation.matched IS 'Jobs that the filter chose when it was started.';
COMMENT ON COLUMN astrid.bulk_operation.done IS 'Jobs that it was done to.';
COMMENT ON COLUMN astrid.bulk_operation.skipped IS
    'Jobs left as they are: in another state by then, or with a unique key that another job has.';
COMMENT ON COLUMN astrid.bulk_operation.started_at IS 'When it was started.';
COMMENT ON COLUMN astrid.bulk_operation.next_at IS 'When the rate allows the next jobs.';
COMMENT ON COLUMN astrid.bulk_operation.finished_at IS 'When it ended; null: it is going on.';
COMMENT ON COLUMN astrid.bulk_operation.rate IS 'Most jobs per second; null: all were done at once.';
COMMENT ON COLUMN astrid.bulk_operation.max_jobs IS 'Most jobs in all; null: no limit.';
COMMENT ON COLUMN astrid.bulk_operation.kind IS 'cancel, retry, delete or move.';
COMMENT ON COLUMN astrid.bulk_operation.state IS 'running, finished, cancelled or failed.';
COMMENT ON COLUMN astrid.bulk_operation.states IS 'States that a job must be in.';
COMMENT ON COLUMN astrid.bulk_operation.to_queue IS 'Where jobs are moved; null: it does not move any.';
COMMENT ON COLUMN astrid.bulk_operation.created_by IS 'Role that started it.';
COMMENT ON COLUMN astrid.bulk_operation.error IS 'What it failed with.';
COMMENT ON COLUMN astrid.bulk_operation.filter IS 'The jobs that were asked for.';

CREATE TABLE astrid.bulk_job (
    bulk_id bigint NOT NULL,
    job_id  bigint NOT NULL,
    PRIMARY KEY (bulk_id, job_id)
);
COMMENT ON TABLE astrid.bulk_job IS 'Jobs whose turn in a running bulk operation is still to come.';
COMMENT ON COLUMN astrid.bulk_job.bulk_id IS 'The operation.';
COMMENT ON COLUMN astrid.bulk_job.job_id IS 'The job.';
