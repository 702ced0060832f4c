-- A job is one row, and the table it is in is its state. All five tables start with the same columns in the same order
-- (extension/store.h knows them), so that a move copies the row.

CREATE SEQUENCE astrid.job_seq;
CREATE SEQUENCE astrid.lease_seq CACHE 32;

CREATE TABLE astrid.ready (
    job_id       bigint NOT NULL,
    position     bigint NOT NULL,
    run_at       timestamptz NOT NULL,
    enqueued_at  timestamptz NOT NULL,
    queue_id     int NOT NULL,
    priority     int NOT NULL,
    lane         int NOT NULL,
    attempt      int NOT NULL,
    max_attempts int NOT NULL,
    crashes      int NOT NULL,
    timeout      interval,
    deadline     timestamptz,
    admission    int,
    unique_key   text,
    group_key    text,
    tags         text[],
    retry        jsonb,
    payload      jsonb NOT NULL
);

COMMENT ON COLUMN astrid.ready.job_id IS 'Number of the job.';
COMMENT ON COLUMN astrid.ready.position IS 'Place in the queue, drawn from job_seq when the job became ready.';
COMMENT ON COLUMN astrid.ready.run_at IS 'Not to be run earlier.';
COMMENT ON COLUMN astrid.ready.enqueued_at IS 'When the job was enqueued.';
COMMENT ON COLUMN astrid.ready.queue_id IS 'Queue of the job.';
COMMENT ON COLUMN astrid.ready.priority IS 'The smaller number runs first.';
COMMENT ON COLUMN astrid.ready.lane IS
    'Where claims look for it: twice the priority and one, one less where it comes back from its group''s queue; ageing puts all into one lane.';
COMMENT ON COLUMN astrid.ready.attempt IS 'Attempts begun so far, the running one included.';
COMMENT ON COLUMN astrid.ready.max_attempts IS 'Attempts before the job is dead.';
COMMENT ON COLUMN astrid.ready.crashes IS 'Attempts that ended in a crash or a lost lease.';
COMMENT ON COLUMN astrid.ready.timeout IS 'Longest run of one attempt; null: none.';
COMMENT ON COLUMN astrid.ready.deadline IS 'Dead if it is not done by then; null: none.';
COMMENT ON COLUMN astrid.ready.admission IS
    'What it has passed of its group''s limits: 1 the rate, 2 the rate and the concurrency; null: nothing yet.';
COMMENT ON COLUMN astrid.ready.unique_key IS 'No other live job of the queue has the same key.';
COMMENT ON COLUMN astrid.ready.group_key IS 'What the job belongs to; free text of the producer.';
COMMENT ON COLUMN astrid.ready.tags IS 'Labels for searching; free text of the producer.';
COMMENT ON COLUMN astrid.ready.retry IS 'Retry policy of the job; null: the queue''s.';
COMMENT ON COLUMN astrid.ready.payload IS 'What is to be done.';

CREATE TABLE astrid.waiting (
    LIKE astrid.ready INCLUDING COMMENTS,
    blocked boolean NOT NULL,
    parked boolean NOT NULL,
    parents_left int,
    parents bigint[],
    PRIMARY KEY (job_id)
);
CREATE INDEX waiting_run_at ON astrid.waiting (run_at, job_id) WHERE NOT blocked;
CREATE INDEX waiting_parked ON astrid.waiting (queue_id, group_key, lane, position) WHERE parked;
COMMENT ON TABLE astrid.waiting IS 'Jobs that wait for their time (scheduled) or for other jobs (blocked).';
COMMENT ON COLUMN astrid.waiting.blocked IS 'True: waits for jobs (parents_left), for its group (parked), or for who has its unique key.';
COMMENT ON COLUMN astrid.waiting.parked IS 'True: waits until jobs of its group have ended.';
-- Counted down in place: no index on it.
COMMENT ON COLUMN astrid.waiting.parents_left IS 'How many of its parents have not ended; null: it waits for no job.';
COMMENT ON COLUMN astrid.waiting.parents IS 'The jobs that it waited for when it was enqueued, those that had ended left out.';

-- Beaten leases are HOT updates: room on the page, and no index on what a heartbeat changes.
CREATE TABLE astrid.running (
    LIKE astrid.ready INCLUDING COMMENTS,
    lease_id    bigint NOT NULL,
    lease_until timestamptz NOT NULL,
    started_at  timestamptz NOT NULL,
    progress    float8,
    worker      text NOT NULL,
    step        text,
    message     text,
    command     text,
    PRIMARY KEY (job_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE astrid.running IS 'Jobs leased to a worker.';
COMMENT ON COLUMN astrid.running.lease_id IS 'The lease; every write on behalf of the job names it.';
COMMENT ON COLUMN astrid.running.lease_until IS 'When the lease runs out, unless a heartbeat renews it.';
COMMENT ON COLUMN astrid.running.started_at IS 'When the attempt was claimed.';
COMMENT ON COLUMN astrid.running.progress IS 'Fraction done, 0 to 1.';
COMMENT ON COLUMN astrid.running.worker IS 'Name of the worker.';
COMMENT ON COLUMN astrid.running.step IS 'What the worker is at.';
COMMENT ON COLUMN astrid.running.message IS 'What the worker says about it.';
COMMENT ON COLUMN astrid.running.command IS 'What the next heartbeat tells the worker: cancel or deadline; null: nothing.';

CREATE TABLE astrid.dead (
    LIKE astrid.ready INCLUDING COMMENTS,
    lease_id    bigint,
    started_at  timestamptz,
    finished_at timestamptz NOT NULL,
    worker      text,
    error       text,
    attempts    jsonb NOT NULL,
    PRIMARY KEY (job_id)
);
CREATE INDEX dead_queue ON astrid.dead (queue_id, job_id);
COMMENT ON TABLE astrid.dead IS 'The dead letters: jobs whose attempts are used up, whose error is permanent or whose deadline has passed.';
COMMENT ON COLUMN astrid.dead.lease_id IS 'Lease of the last attempt; null: it died of its deadline while it waited.';
COMMENT ON COLUMN astrid.dead.started_at IS 'When the last attempt was claimed.';
COMMENT ON COLUMN astrid.dead.finished_at IS 'When the job died.';
COMMENT ON COLUMN astrid.dead.worker IS 'Worker of the last attempt.';
COMMENT ON COLUMN astrid.dead.error IS 'Why it is dead: the error of the last attempt, and what ended it where attempts were left.';
COMMENT ON COLUMN astrid.dead.attempts IS 'All attempts, also those of before a redrive, kept for as long as the job; the ring forgets them.';

CREATE TABLE astrid.history (
    LIKE astrid.ready INCLUDING COMMENTS,
    lease_id    bigint,
    started_at  timestamptz,
    finished_at timestamptz NOT NULL,
    slot        smallint NOT NULL,
    worker      text,
    state       text NOT NULL CHECK (state IN ('completed', 'cancelled')),
    result      jsonb,
    error       text
) PARTITION BY LIST (slot);
CREATE INDEX history_job ON astrid.history (job_id);
COMMENT ON TABLE astrid.history IS 'Finished jobs: a ring of daily partitions, the oldest emptied as the ring turns.';
COMMENT ON COLUMN astrid.history.lease_id IS 'Lease of the attempt that finished the job; null: it was not running.';
COMMENT ON COLUMN astrid.history.started_at IS 'When that attempt was claimed.';
COMMENT ON COLUMN astrid.history.finished_at IS 'When the job was completed or cancelled.';
COMMENT ON COLUMN astrid.history.slot IS 'Partition of the ring: day modulo 8; 8: kept beyond it (history_kept).';
COMMENT ON COLUMN astrid.history.worker IS 'Worker of that attempt.';
COMMENT ON COLUMN astrid.history.state IS 'completed or cancelled.';
COMMENT ON COLUMN astrid.history.result IS 'What the worker returned.';
COMMENT ON COLUMN astrid.history.error IS 'Why the job was cancelled, where somebody said.';

-- Last: LIKE above must not copy these.
ALTER TABLE astrid.ready ADD PRIMARY KEY (queue_id, lane, position), ADD UNIQUE (job_id);
COMMENT ON TABLE astrid.ready IS 'Jobs that may be claimed now, in the order of the primary key.';
