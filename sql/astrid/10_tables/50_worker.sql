-- One row per worker, written by nobody else: not shared between jobs.
CREATE TABLE astrid.worker (
    worker           text PRIMARY KEY,
    worker_type      text,
    status           text NOT NULL CHECK (status IN ('IDLE', 'BUSY', 'ERROR', 'STOPPED')),
    started_at       timestamptz NOT NULL,
    last_heartbeat   timestamptz NOT NULL,
    lease_until      timestamptz NOT NULL,
    draining         boolean NOT NULL DEFAULT false,
    info             jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
COMMENT ON TABLE astrid.worker IS 'Workers that have sent a heartbeat.';
COMMENT ON COLUMN astrid.worker.worker IS 'Name of the worker.';
COMMENT ON COLUMN astrid.worker.worker_type IS 'What kind of jobs it does.';
COMMENT ON COLUMN astrid.worker.status IS 'IDLE, BUSY, ERROR or STOPPED, as it last said.';
COMMENT ON COLUMN astrid.worker.started_at IS 'First heartbeat since it was last stopped.';
COMMENT ON COLUMN astrid.worker.last_heartbeat IS 'Last heartbeat.';
COMMENT ON COLUMN astrid.worker.lease_until IS 'Held to be stopped when no heartbeat comes until then.';
COMMENT ON COLUMN astrid.worker.draining IS 'True: the next heartbeat tells it to drain.';
COMMENT ON COLUMN astrid.worker.info IS 'All that its last heartbeat said.';

CREATE TABLE astrid.worker_sample (
    worker       text NOT NULL,
    sampled_at   timestamptz NOT NULL,
    slot         smallint NOT NULL,
    running      int NOT NULL,
    info         jsonb NOT NULL
) PARTITION BY LIST (slot);
CREATE INDEX worker_sample_worker ON astrid.worker_sample (worker, sampled_at);
COMMENT ON TABLE astrid.worker_sample IS 'One row per heartbeat: a daily ring as history.';
COMMENT ON COLUMN astrid.worker_sample.worker IS 'Name of the worker.';
COMMENT ON COLUMN astrid.worker_sample.sampled_at IS 'When.';
COMMENT ON COLUMN astrid.worker_sample.slot IS 'Partition of the ring: day modulo 8.';
COMMENT ON COLUMN astrid.worker_sample.running IS 'Jobs that it held then.';
COMMENT ON COLUMN astrid.worker_sample.info IS 'What it said about itself.';
