CREATE SEQUENCE astrid.queue_seq AS int;

-- Read by C through a cache in each backend (extension/queues.c): the first eight columns keep their order, and
-- whoever writes the table calls astrid._queues_changed().
CREATE TABLE astrid.queue (
    queue_id       int PRIMARY KEY DEFAULT nextval('astrid.queue_seq'),
    queue_name     text NOT NULL UNIQUE CHECK (queue_name ~ '^[A-Za-z0-9_.:/-]{1,63}$'),
    worker_type    text,
    priority       int NOT NULL DEFAULT 0,
    max_attempts   int NOT NULL DEFAULT 4 CHECK (max_attempts >= 1),
    timeout        interval CHECK (timeout > interval '0'),
    concurrency    int CHECK (concurrency >= 1),
    enabled        boolean NOT NULL DEFAULT true,
    backoff_base   interval NOT NULL DEFAULT '10 seconds' CHECK (backoff_base >= interval '0'),
    backoff_max    interval NOT NULL DEFAULT '1 hour' CHECK (backoff_max >= interval '0'),
    payload_schema jsonb,
    created_at     timestamptz NOT NULL DEFAULT astrid.clock(),
    updated_at     timestamptz NOT NULL DEFAULT astrid.clock()
);

COMMENT ON TABLE astrid.queue IS 'One row per queue: its settings.';
COMMENT ON COLUMN astrid.queue.queue_id IS 'Number of the queue; never reused.';
COMMENT ON COLUMN astrid.queue.queue_name IS 'Name: letters, digits, and _ . : / -; at most 63.';
COMMENT ON COLUMN astrid.queue.worker_type IS 'Kind of worker that does these jobs.';
COMMENT ON COLUMN astrid.queue.priority IS 'A claim from several queues serves the smaller number first.';
COMMENT ON COLUMN astrid.queue.max_attempts IS 'Attempts of a job before it is dead, unless the job says otherwise.';
COMMENT ON COLUMN astrid.queue.timeout IS 'Longest run of one attempt, enforced by the worker; null: none.';
COMMENT ON COLUMN astrid.queue.concurrency IS 'Most jobs running at the same time; null: no limit.';
COMMENT ON COLUMN astrid.queue.enabled IS 'False: paused, claims get nothing; jobs can still be enqueued.';
COMMENT ON COLUMN astrid.queue.backoff_base IS 'Wait after the first failed attempt; it doubles with each further one.';
COMMENT ON COLUMN astrid.queue.backoff_max IS 'Longest wait between attempts.';
COMMENT ON COLUMN astrid.queue.payload_schema IS 'JSON Schema of the payload: stored and shown, not yet enforced.';
COMMENT ON COLUMN astrid.queue.created_at IS 'When the queue was created.';
COMMENT ON COLUMN astrid.queue.updated_at IS 'When its settings last changed.';

-- A job enqueued while its queue is dropped may commit after the drop; maintenance looks for it until no transaction
-- is left that began before.
CREATE TABLE astrid.dropped_queue (
    queue_id   int PRIMARY KEY,
    queue_name text NOT NULL,
    dropped_at timestamptz NOT NULL
);

COMMENT ON TABLE astrid.dropped_queue IS 'Queues dropped a moment ago, until no job can follow them any more.';
COMMENT ON COLUMN astrid.dropped_queue.queue_id IS 'Number that the queue had.';
COMMENT ON COLUMN astrid.dropped_queue.queue_name IS 'Name that it had.';
COMMENT ON COLUMN astrid.dropped_queue.dropped_at IS 'When it was dropped, by the real clock.';
