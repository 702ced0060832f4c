CREATE SEQUENCE astrid.queue_seq AS int;

-- Read by C through a cache in each backend (extension/queues.c): the columns down to accepting keep their order, and
-- whoever writes the table calls astrid._queues_changed().
CREATE TABLE astrid.queue (
    queue_id               int PRIMARY KEY DEFAULT nextval('astrid.queue_seq'),
    queue_name             text NOT NULL UNIQUE CHECK (queue_name ~ '^[A-Za-z0-9_.:/-]{1,63}$'),
    worker_type            text,
    priority               int NOT NULL DEFAULT 0,
    max_attempts           int NOT NULL DEFAULT 4 CHECK (max_attempts >= 1),
    timeout                interval CHECK (timeout > interval '0'),
    concurrency            int CHECK (concurrency >= 1),
    enabled                boolean NOT NULL DEFAULT true,
    rate_limit             int CHECK (rate_limit >= 1),
    rate_interval          interval NOT NULL DEFAULT '1 second' CHECK (rate_interval > interval '0'),
    group_concurrency      int CHECK (group_concurrency >= 1),
    group_rate_limit       int CHECK (group_rate_limit >= 1),
    group_rate_interval    interval NOT NULL DEFAULT '1 second' CHECK (group_rate_interval > interval '0'),
    ordered                boolean NOT NULL DEFAULT false,
    ageing                 interval CHECK (ageing >= interval '1 second'),
    fair                   boolean NOT NULL DEFAULT false,
    producer_rate_limit    int CHECK (producer_rate_limit >= 1),
    producer_rate_interval interval NOT NULL DEFAULT '1 second' CHECK (producer_rate_interval > interval '0'),
    producer_rate_per      text NOT NULL DEFAULT 'role' CHECK (producer_rate_per IN ('role', 'group')),
    max_payload_size       int CHECK (max_payload_size >= 1),
    job_events             boolean NOT NULL DEFAULT false,
    payload_schema         jsonb,
    result_schema          jsonb,
    accepting              boolean NOT NULL DEFAULT true,
    dead_blocks            boolean NOT NULL DEFAULT false,
    backoff_base           interval NOT NULL DEFAULT '10 seconds' CHECK (backoff_base >= interval '0'),
    backoff_max            interval NOT NULL DEFAULT '1 hour' CHECK (backoff_max >= interval '0'),
    retry                  jsonb,
    max_crashes            int NOT NULL DEFAULT 3 CHECK (max_crashes >= 1),
    retention              interval NOT NULL DEFAULT '7 days' CHECK (retention >= interval '0'),
    dead_retention         interval CHECK (dead_retention > interval '0'),
    attempt_retention      interval NOT NULL DEFAULT '7 days'
                           CHECK (attempt_retention BETWEEN interval '0' AND interval '7 days'),
    log_retention          interval NOT NULL DEFAULT '7 days'
                           CHECK (log_retention BETWEEN interval '0' AND interval '7 days'),
    result_retention       interval CHECK (result_retention > interval '0'),
    export                 boolean NOT NULL DEFAULT false,
    closed_by              xid8,
    created_at             timestamptz NOT NULL DEFAULT astrid.clock(),
    updated_at             timestamptz NOT NULL DEFAULT astrid.clock(),
    CONSTRAINT queue_fair_or_ageing CHECK (NOT (fair AND ageing IS NOT NULL)),
    CONSTRAINT queue_ordered_is_one CHECK (NOT ordered OR group_concurrency IS NOT DISTINCT FROM 1)
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
COMMENT ON COLUMN astrid.queue.rate_limit IS 'Most jobs started in any rate_interval; null: no limit.';
COMMENT ON COLUMN astrid.queue.rate_interval IS 'Time in which a spent token of the rate limit comes back.';
COMMENT ON COLUMN astrid.queue.group_concurrency IS 'Most jobs of one group_key running at the same time; null: no limit.';
COMMENT ON COLUMN astrid.queue.group_rate_limit IS 'Jobs of one group_key started at once at most, and in each group_rate_interval on average; null: no limit.';
COMMENT ON COLUMN astrid.queue.group_rate_interval IS 'Time in which a group''s bucket fills.';
COMMENT ON COLUMN astrid.queue.ordered IS 'True: jobs of one group_key run one at a time, in their order.';
COMMENT ON COLUMN astrid.queue.ageing IS 'A ready job gains one step of priority for each of these that it waits; null: priority is strict.';
COMMENT ON COLUMN astrid.queue.fair IS 'True: groups take turns, however many jobs each has.';
COMMENT ON COLUMN astrid.queue.producer_rate_limit IS 'Jobs that one producer may enqueue at once, and in each producer_rate_interval on average; null: no limit.';
COMMENT ON COLUMN astrid.queue.producer_rate_interval IS 'Time in which a producer''s bucket fills.';
COMMENT ON COLUMN astrid.queue.producer_rate_per IS 'Who counts as one producer: role (the session''s user) or group (the group_key).';
COMMENT ON COLUMN astrid.queue.max_payload_size IS 'Largest payload [kB]; null: astrid.max_payload_size.';
COMMENT ON COLUMN astrid.queue.job_events IS 'True: what happens to a job is published as an event.';
COMMENT ON COLUMN astrid.queue.payload_schema IS 'JSON Schema that payloads must match; null: any.';
COMMENT ON COLUMN astrid.queue.result_schema IS 'JSON Schema that results must match; null: any.';
COMMENT ON COLUMN astrid.queue.accepting IS 'False: being drained, nothing can be enqueued; its jobs are still worked off.';
COMMENT ON COLUMN astrid.queue.dead_blocks IS 'True: a dead job keeps its place in its ordered group until it is redriven or deleted.';
COMMENT ON COLUMN astrid.queue.backoff_base IS 'Wait after the first failed attempt; it doubles with each further one.';
COMMENT ON COLUMN astrid.queue.backoff_max IS 'Longest wait between attempts.';
COMMENT ON COLUMN astrid.queue.retry IS 'Retry policy; null: exponential from backoff_base.';
COMMENT ON COLUMN astrid.queue.max_crashes IS 'A job whose attempts ended in so many crashes or lost leases is dead, whatever attempts are left.';
COMMENT ON COLUMN astrid.queue.retention IS 'How long completed and cancelled jobs are kept, to the day.';
COMMENT ON COLUMN astrid.queue.dead_retention IS 'How long dead jobs are kept; null: until they are redriven or deleted.';
COMMENT ON COLUMN astrid.queue.attempt_retention IS 'How long the records of failed attempts are kept, to the day: at most a turn of the ring.';
COMMENT ON COLUMN astrid.queue.log_retention IS 'How long log lines are kept, to the day: at most a turn of the ring.';
COMMENT ON COLUMN astrid.queue.result_retention IS 'How long results are kept; null: as long as the job.';
COMMENT ON COLUMN astrid.queue.export IS 'True: what retention removes is put into astrid.exported first.';
COMMENT ON COLUMN astrid.queue.closed_by IS
    'Transaction that closed the queue; null: it is open. Transactions that began to write before may still bring jobs.';
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
