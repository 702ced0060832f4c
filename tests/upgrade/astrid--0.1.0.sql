-- astrid: a job queue in PostgreSQL. Tables, functions and views live in the schema astrid; the functions also exist
-- as astrid_* in the schema that CREATE EXTENSION names (80_names.sql makes them).
\echo Use "CREATE EXTENSION astrid" to load this file. \quit

CREATE SCHEMA astrid;
COMMENT ON SCHEMA astrid IS 'astrid: queues, jobs, workers. Written only through its functions.';

-- Roles outlive the extension and are shared by all databases: another one may be creating them at this moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['astrid_admin', 'astrid_producer', 'astrid_worker', 'astrid_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- it is there: all that is wanted
        END;
    END LOOP;
END
$$;
CREATE FUNCTION astrid.clock() RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'astrid_clock';
COMMENT ON FUNCTION astrid.clock() IS
    'The present as the queue sees it: the wall clock, or astrid.test_clock where a test has set it.';

CREATE FUNCTION astrid._ring_slot(at timestamptz) RETURNS smallint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'astrid_ring_slot';
COMMENT ON FUNCTION astrid._ring_slot(timestamptz) IS 'Slot of a daily ring that rows of this time belong to.';
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
    attempt      int NOT NULL,
    max_attempts int NOT NULL,
    timeout      interval,
    unique_key   text,
    group_key    text,
    tags         text[],
    payload      jsonb NOT NULL
);

COMMENT ON COLUMN astrid.ready.job_id IS 'Number of the job.';
COMMENT ON COLUMN astrid.ready.position IS 'Place in the queue, drawn from job_seq when the job became ready.';
COMMENT ON COLUMN astrid.ready.run_at IS 'Not to be run earlier.';
COMMENT ON COLUMN astrid.ready.enqueued_at IS 'When the job was enqueued.';
COMMENT ON COLUMN astrid.ready.queue_id IS 'Queue of the job.';
COMMENT ON COLUMN astrid.ready.priority IS 'The smaller number runs first.';
COMMENT ON COLUMN astrid.ready.attempt IS 'Attempts begun so far, the running one included.';
COMMENT ON COLUMN astrid.ready.max_attempts IS 'Attempts before the job is dead.';
COMMENT ON COLUMN astrid.ready.timeout IS 'Longest run of one attempt; null: none.';
COMMENT ON COLUMN astrid.ready.unique_key IS 'No other live job of the queue has the same key.';
COMMENT ON COLUMN astrid.ready.group_key IS 'What the job belongs to; free text of the producer.';
COMMENT ON COLUMN astrid.ready.tags IS 'Labels for searching; free text of the producer.';
COMMENT ON COLUMN astrid.ready.payload IS 'What is to be done.';

CREATE TABLE astrid.waiting (
    LIKE astrid.ready INCLUDING COMMENTS,
    blocked boolean NOT NULL,
    PRIMARY KEY (job_id)
);
CREATE INDEX waiting_run_at ON astrid.waiting (run_at, job_id) WHERE NOT blocked;
COMMENT ON TABLE astrid.waiting IS 'Jobs that wait for their time (scheduled) or for other jobs (blocked).';
COMMENT ON COLUMN astrid.waiting.blocked IS 'True: waits for the jobs in astrid.dependency.';

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
COMMENT ON COLUMN astrid.running.command IS 'What the next heartbeat tells the worker: cancel; null: nothing.';

CREATE TABLE astrid.dead (
    LIKE astrid.ready INCLUDING COMMENTS,
    lease_id    bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    worker      text NOT NULL,
    error       text,
    attempts    jsonb NOT NULL,
    PRIMARY KEY (job_id)
);
CREATE INDEX dead_queue ON astrid.dead (queue_id, job_id);
COMMENT ON TABLE astrid.dead IS 'The dead letters: jobs whose attempts are used up or whose error is permanent.';
COMMENT ON COLUMN astrid.dead.lease_id IS 'Lease of the last attempt.';
COMMENT ON COLUMN astrid.dead.started_at IS 'When the last attempt was claimed.';
COMMENT ON COLUMN astrid.dead.finished_at IS 'When the job died.';
COMMENT ON COLUMN astrid.dead.worker IS 'Worker of the last attempt.';
COMMENT ON COLUMN astrid.dead.error IS 'Error of the last attempt.';
COMMENT ON COLUMN astrid.dead.attempts IS 'All attempts, kept for as long as the job; the ring forgets them.';

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
COMMENT ON COLUMN astrid.history.slot IS 'Partition of the ring: day modulo 8.';
COMMENT ON COLUMN astrid.history.worker IS 'Worker of that attempt.';
COMMENT ON COLUMN astrid.history.state IS 'completed or cancelled.';
COMMENT ON COLUMN astrid.history.result IS 'What the worker returned.';
COMMENT ON COLUMN astrid.history.error IS 'Why the job was cancelled, where somebody said.';

-- Last: LIKE above must not copy these.
ALTER TABLE astrid.ready ADD PRIMARY KEY (queue_id, priority, position), ADD UNIQUE (job_id);
COMMENT ON TABLE astrid.ready IS 'Jobs that may be claimed now, in the order of the primary key.';
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
    'error, exit, signal, timeout, memory, crash, cancel as the worker reports it, or lease expired.';
COMMENT ON COLUMN astrid.attempt.error IS 'Text of the error.';
COMMENT ON COLUMN astrid.attempt.info IS 'What else the worker reported: signal, exit code, resource usage.';

CREATE TABLE astrid.job_log (
    job_id    bigint NOT NULL,
    lease_id  bigint NOT NULL,
    logged_at timestamptz NOT NULL,
    attempt   int NOT NULL,
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
COMMENT ON COLUMN astrid.job_log.slot IS 'Partition of the ring: day modulo 8.';
COMMENT ON COLUMN astrid.job_log.level IS 'debug, info, warning or error.';
COMMENT ON COLUMN astrid.job_log.message IS 'The text.';
COMMENT ON COLUMN astrid.job_log.fields IS 'Structured fields that go with it.';
CREATE TABLE astrid.unique_key (
    queue_id   int NOT NULL,
    unique_key text NOT NULL,
    job_id     bigint NOT NULL,
    PRIMARY KEY (queue_id, unique_key)
);
COMMENT ON TABLE astrid.unique_key IS 'Unique keys of live jobs: held from enqueue to the final state.';
COMMENT ON COLUMN astrid.unique_key.queue_id IS 'Queue in which the key is unique.';
COMMENT ON COLUMN astrid.unique_key.unique_key IS 'The key.';
COMMENT ON COLUMN astrid.unique_key.job_id IS 'The job that holds it.';

CREATE TABLE astrid.dependency (
    parent_id bigint NOT NULL,
    child_id  bigint NOT NULL,
    PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX dependency_child ON astrid.dependency (child_id);
COMMENT ON TABLE astrid.dependency IS 'Which blocked job waits for which; a row goes when its parent completes.';
COMMENT ON COLUMN astrid.dependency.parent_id IS 'The job that must complete first.';
COMMENT ON COLUMN astrid.dependency.child_id IS 'The job that waits.';
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
-- The partitions of the rings, made once: partitions made later would break pg_restore.
DO $$
DECLARE
    ring text;
    slot int;
BEGIN
    FOREACH ring IN ARRAY ARRAY['history', 'attempt', 'job_log', 'worker_sample'] LOOP
        FOR slot IN 0..7 LOOP
            EXECUTE format('CREATE TABLE astrid.%I PARTITION OF astrid.%I FOR VALUES IN (%s)',
                           ring || '_' || slot, ring, slot);
            EXECUTE format('COMMENT ON TABLE astrid.%I IS %L', ring || '_' || slot,
                           format('Slot %s of the ring astrid.%s.', slot, ring));
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON SEQUENCE astrid.queue_seq IS 'Numbers of queues.';
COMMENT ON SEQUENCE astrid.job_seq IS 'Numbers of jobs and places in the queues: both only grow.';
COMMENT ON SEQUENCE astrid.lease_seq IS 'Numbers of leases, never reused.';
-- Functions that look rows up by key say SET enable_seqscan = off: a plan made while the table was tiny must not stay
-- when it no longer is.
--
-- Helpers with a leading underscore are for the extension itself: nobody may execute them, and 80_names.sql passes
-- them over.

CREATE FUNCTION astrid._wake(queue_name text, n int) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_sql_wake';
COMMENT ON FUNCTION astrid._wake(text, int) IS 'At commit, n jobs of the queue are ready: wake as many workers.';

CREATE FUNCTION astrid._wake_at(due timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_sql_wake_at';
COMMENT ON FUNCTION astrid._wake_at(timestamptz) IS 'A job falls due then: maintenance must not sleep longer.';

CREATE FUNCTION astrid._queues_changed() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_queues_changed';
COMMENT ON FUNCTION astrid._queues_changed() IS 'Makes every backend read astrid.queue again.';

CREATE FUNCTION astrid._raise_lease_lost(job_id bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'QJ001', MESSAGE = 'lease_lost',
        DETAIL = format('Jobs: %s', job_id),
        HINT = 'The lease ran out, or the job was cancelled or dropped: roll back what was done for it.';
END
$$;
COMMENT ON FUNCTION astrid._raise_lease_lost(bigint) IS 'Raises QJ001.';

CREATE FUNCTION astrid._require(value anyelement, argument text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = format('invalid argument "%s"', argument),
            DETAIL = 'It must not be null.';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._require(anyelement, text) IS 'Raises QJ006 where a required argument is null.';

CREATE FUNCTION astrid._queue_id(queue text) RETURNS int
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int;
BEGIN
    PERFORM astrid._require(queue, 'queue');
    SELECT q.queue_id INTO id FROM astrid.queue q WHERE q.queue_name = queue;
    IF id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ002', MESSAGE = format('queue "%s" does not exist', queue),
            HINT = 'astrid_create_queue makes one; the view astrid.queue_status lists them.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION astrid._queue_id(text) IS 'Number of the queue, or QJ002.';
CREATE FUNCTION astrid._hold_key(queue int, key text, job bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
DECLARE
    holder bigint;
BEGIN
    LOOP
        -- Looking first never waits for the transaction that is about to release the key: until it commits, its job
        -- is alive and is the answer.
        SELECT k.job_id INTO holder FROM astrid.unique_key k WHERE k.queue_id = queue AND k.unique_key = key;
        IF FOUND THEN
            RETURN holder;
        END IF;
        INSERT INTO astrid.unique_key (queue_id, unique_key, job_id) VALUES (queue, key, job)
            ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN job;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._hold_key(int, text, bigint) IS
    'The job that holds the unique key: this one where the key was free.';

CREATE FUNCTION astrid._release_key(queue int, key text, job bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
BEGIN
    DELETE FROM astrid.unique_key k WHERE k.queue_id = queue AND k.unique_key = key AND k.job_id = job;
END
$$;
COMMENT ON FUNCTION astrid._release_key(int, text, bigint) IS 'The job has reached a final state: frees its unique key.';
-- The columns that all state tables share, as one value: a row of astrid.ready.

CREATE FUNCTION astrid._job(j astrid.waiting) RETURNS astrid.ready
    LANGUAGE sql IMMUTABLE
    RETURN ROW(j.job_id, j.position, j.run_at, j.enqueued_at, j.queue_id, j.priority, j.attempt, j.max_attempts, j.timeout,
        j.unique_key, j.group_key, j.tags, j.payload)::astrid.ready;
COMMENT ON FUNCTION astrid._job(astrid.waiting) IS 'The columns that all state tables share.';

CREATE FUNCTION astrid._job(j astrid.running) RETURNS astrid.ready
    LANGUAGE sql IMMUTABLE
    RETURN ROW(j.job_id, j.position, j.run_at, j.enqueued_at, j.queue_id, j.priority, j.attempt, j.max_attempts, j.timeout,
        j.unique_key, j.group_key, j.tags, j.payload)::astrid.ready;
COMMENT ON FUNCTION astrid._job(astrid.running) IS 'The columns that all state tables share.';

CREATE FUNCTION astrid._job(j astrid.dead) RETURNS astrid.ready
    LANGUAGE sql IMMUTABLE
    RETURN ROW(j.job_id, j.position, j.run_at, j.enqueued_at, j.queue_id, j.priority, j.attempt, j.max_attempts, j.timeout,
        j.unique_key, j.group_key, j.tags, j.payload)::astrid.ready;
COMMENT ON FUNCTION astrid._job(astrid.dead) IS 'The columns that all state tables share.';

CREATE FUNCTION astrid._put(job astrid.ready) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF job.run_at > astrid.clock() THEN
        INSERT INTO astrid.waiting SELECT (job).*, false;
        PERFORM astrid._wake_at(job.run_at);
        RETURN 'scheduled';
    END IF;
    job.position := nextval('astrid.job_seq');
    INSERT INTO astrid.ready SELECT (job).*;
    PERFORM astrid._wake(q.queue_name, 1) FROM astrid.queue q WHERE q.queue_id = job.queue_id;
    RETURN 'ready';
END
$$;
COMMENT ON FUNCTION astrid._put(astrid.ready) IS
    'Puts a job that was taken from another table into its queue, at the end; returns its new state.';

CREATE FUNCTION astrid._archive_cancelled(job astrid.ready, lease bigint, started timestamptz, worker text, error text)
    RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
BEGIN
    INSERT INTO astrid.history
        SELECT (job).*, lease, started, at, astrid._ring_slot(at), worker, 'cancelled', NULL, error;
    DELETE FROM astrid.dependency d WHERE d.child_id = job.job_id;
    PERFORM astrid._release_key(job.queue_id, job.unique_key, job.job_id);
    RETURN 'cancelled';
END
$$;
COMMENT ON FUNCTION astrid._archive_cancelled(astrid.ready, bigint, timestamptz, text, text) IS
    'Writes a job that was taken from its table to history as cancelled.';

CREATE FUNCTION astrid._backoff(queue int, attempt int) RETURNS interval
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT make_interval(secs => (1 - 0.2 * random())
                             * least(extract(epoch FROM q.backoff_base)::float8 * power(2, least(attempt - 1, 60)),
                                     extract(epoch FROM q.backoff_max)::float8))
  FROM astrid.queue q
 WHERE q.queue_id = queue
$$;
COMMENT ON FUNCTION astrid._backoff(int, int) IS
    'Wait after this attempt: base x 2^(attempt-1), at most the maximum, less a random part of up to a fifth.';

CREATE FUNCTION astrid._attempts(job bigint) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT coalesce(jsonb_agg(to_jsonb(a) - 'slot' - 'queue_id' - 'job_id' ORDER BY a.lease_id), '[]')
  FROM astrid.attempt a
 WHERE a.job_id = job
$$;
COMMENT ON FUNCTION astrid._attempts(bigint) IS 'The failed attempts of a job on record, as a JSON array.';

CREATE FUNCTION astrid._end_attempt(r astrid.running, cause text, error text, retryable boolean, retry_in interval,
                                    info jsonb)
    RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    job astrid.ready := astrid._job(r);
BEGIN
    INSERT INTO astrid.attempt (job_id, lease_id, started_at, ended_at, attempt, queue_id, slot, worker, cause, error,
                                info)
        VALUES (r.job_id, r.lease_id, r.started_at, at, r.attempt, r.queue_id, astrid._ring_slot(at), r.worker, cause,
                error, info);
    IF cause = 'cancel' OR r.command = 'cancel' THEN
        RETURN astrid._archive_cancelled(job, r.lease_id, r.started_at, r.worker, error);
    END IF;
    IF retryable AND r.attempt < r.max_attempts THEN
        job.run_at := at + coalesce(retry_in, astrid._backoff(r.queue_id, r.attempt), interval '0');
        RETURN astrid._put(job);
    END IF;
    INSERT INTO astrid.dead
        SELECT (job).*, r.lease_id, r.started_at, at, r.worker, error, astrid._attempts(r.job_id);
    PERFORM astrid._release_key(r.queue_id, r.unique_key, r.job_id);
    RETURN 'dead';
END
$$;
COMMENT ON FUNCTION astrid._end_attempt(astrid.running, text, text, boolean, interval, jsonb) IS
    'An attempt ended without completing the job: keeps it on record and retries, buries or cancels the job.';
CREATE FUNCTION astrid._lock_live(job bigint) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    -- The job may move from table to table meanwhile, each time along waiting, ready, running; a second round catches
    -- one that went back for a retry.
    FOR round IN 1..3 LOOP
        PERFORM FROM astrid.waiting w WHERE w.job_id = job FOR KEY SHARE;
        IF NOT FOUND THEN
            PERFORM FROM astrid.ready r WHERE r.job_id = job FOR KEY SHARE;
        END IF;
        IF NOT FOUND THEN
            PERFORM FROM astrid.running r WHERE r.job_id = job FOR KEY SHARE;
        END IF;
        IF NOT FOUND THEN
            PERFORM FROM astrid.dead d WHERE d.job_id = job FOR KEY SHARE;
        END IF;
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION astrid._lock_live(bigint) IS
    'Keeps an unfinished job from completing until this transaction ends; false where it has no such state.';

CREATE FUNCTION astrid._depend(child bigint, parents bigint[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
DECLARE
    parent bigint;
    final text;
    blocked boolean := false;
BEGIN
    FOR parent IN SELECT DISTINCT p FROM unnest(parents) p ORDER BY p LOOP
        IF astrid._lock_live(parent) THEN
            INSERT INTO astrid.dependency (parent_id, child_id) VALUES (parent, child);
            blocked := true;
            CONTINUE;
        END IF;
        SELECT h.state INTO final FROM astrid.history h WHERE h.job_id = parent;
        IF final IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'QJ003',
                MESSAGE = format('job %s does not exist', coalesce(parent::text, 'null')),
                DETAIL = 'depends_on must name jobs that exist.';
        ELSIF final = 'cancelled' THEN
            RAISE EXCEPTION USING ERRCODE = 'QJ004', MESSAGE = format('job %s was cancelled', parent),
                DETAIL = 'A job that depends on it would never run.';
        END IF;
    END LOOP;
    RETURN blocked;
END
$$;
COMMENT ON FUNCTION astrid._depend(bigint, bigint[]) IS
    'Notes for which unfinished jobs a new one waits; false where all of them are complete.';

CREATE FUNCTION astrid._unblock(parent bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
DECLARE
    child bigint;
    w astrid.waiting;
BEGIN
    FOR child IN SELECT d.child_id FROM astrid.dependency d WHERE d.parent_id = parent ORDER BY d.child_id LOOP
        -- The lock makes two parents that complete at the same time take turns: the second sees what the first did.
        PERFORM FROM astrid.waiting x WHERE x.job_id = child FOR UPDATE;
        DELETE FROM astrid.dependency d WHERE d.parent_id = parent AND d.child_id = child;
        CONTINUE WHEN EXISTS (SELECT FROM astrid.dependency d WHERE d.child_id = child);
        DELETE FROM astrid.waiting x WHERE x.job_id = child RETURNING x.* INTO w;
        IF FOUND THEN
            PERFORM astrid._put(astrid._job(w));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._unblock(bigint) IS 'A job has completed: jobs that waited for nothing else go on.';
CREATE FUNCTION astrid.create_queue(queue text, worker_type text DEFAULT NULL, priority int DEFAULT NULL,
                                    max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                                    concurrency int DEFAULT NULL, backoff_base interval DEFAULT NULL,
                                    backoff_max interval DEFAULT NULL, payload_schema jsonb DEFAULT NULL,
                                    enabled bool DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid._require(queue, 'queue');
    INSERT INTO astrid.queue (queue_name, worker_type) VALUES (queue, worker_type) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ005', MESSAGE = format('queue "%s" exists', queue),
            HINT = 'astrid_alter_queue changes its settings.';
    END IF;
    PERFORM astrid.alter_queue(queue, worker_type, priority, max_attempts, timeout, concurrency, backoff_base,
                               backoff_max, payload_schema, enabled);
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid setting of a queue', DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION astrid.create_queue(text, text, int, int, interval, int, interval, interval, jsonb, bool) IS
    'Creates a queue. What is null takes the default: priority 0, 4 attempts, back-off 10 s to 1 h, enabled, no limits.';

CREATE FUNCTION astrid.alter_queue(queue text, worker_type text DEFAULT NULL, priority int DEFAULT NULL,
                                   max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                                   concurrency int DEFAULT NULL, backoff_base interval DEFAULT NULL,
                                   backoff_max interval DEFAULT NULL, payload_schema jsonb DEFAULT NULL,
                                   enabled bool DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    id int := astrid._queue_id(queue);
    resumed boolean;
BEGIN
    UPDATE astrid.queue q
       SET worker_type = nullif(coalesce(worker_type, q.worker_type), ''),
           priority = coalesce(priority, q.priority),
           max_attempts = coalesce(max_attempts, q.max_attempts),
           timeout = nullif(coalesce(timeout, q.timeout), '0'),
           concurrency = nullif(coalesce(concurrency, q.concurrency), 0),
           backoff_base = coalesce(backoff_base, q.backoff_base),
           backoff_max = coalesce(backoff_max, q.backoff_max),
           payload_schema = coalesce(payload_schema, q.payload_schema),
           enabled = coalesce(enabled, q.enabled),
           updated_at = astrid.clock()
     WHERE q.queue_id = id
    RETURNING q.enabled INTO resumed;
    PERFORM astrid._queues_changed();
    IF resumed THEN
        PERFORM astrid._wake(queue, 1000);
    END IF;
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid setting of a queue', DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION astrid.alter_queue(text, text, int, int, interval, int, interval, interval, jsonb, bool) IS
    'Changes settings of a queue; null leaves one as it is, an empty worker_type, timeout 0 and concurrency 0 remove it.';

CREATE FUNCTION astrid.pause_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid.alter_queue(queue, enabled => false);
END
$$;
COMMENT ON FUNCTION astrid.pause_queue(text) IS
    'Claims get nothing from the queue any more; running jobs go on, and jobs can still be enqueued.';

CREATE FUNCTION astrid.resume_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid.alter_queue(queue, enabled => true);
END
$$;
COMMENT ON FUNCTION astrid.resume_queue(text) IS 'Ends a pause.';
CREATE FUNCTION astrid._delete_jobs(queue int) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    n bigint;
    deleted bigint := 0;
BEGIN
    DELETE FROM astrid.dependency d USING astrid.waiting w
     WHERE w.queue_id = queue AND w.blocked AND d.child_id = w.job_id;
    -- In the order in which completions take them: no deadlock with those.
    PERFORM FROM astrid.waiting w WHERE w.queue_id = queue AND w.blocked ORDER BY w.job_id FOR UPDATE;
    PERFORM FROM astrid.running r WHERE r.queue_id = queue ORDER BY r.job_id FOR UPDATE;
    -- Twice: between the statements a job may be claimed, or go back for a retry.
    FOR round IN 1..2 LOOP
        DELETE FROM astrid.waiting w WHERE w.queue_id = queue;
        GET DIAGNOSTICS n = ROW_COUNT;
        deleted := deleted + n;
        DELETE FROM astrid.ready r WHERE r.queue_id = queue;
        GET DIAGNOSTICS n = ROW_COUNT;
        deleted := deleted + n;
        DELETE FROM astrid.running r WHERE r.queue_id = queue;
        GET DIAGNOSTICS n = ROW_COUNT;
        deleted := deleted + n;
    END LOOP;
    DELETE FROM astrid.dead d WHERE d.queue_id = queue;
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM astrid.unique_key k WHERE k.queue_id = queue;
    RETURN deleted + n;
END
$$;
COMMENT ON FUNCTION astrid._delete_jobs(int) IS 'Deletes the jobs of a queue that are not finished.';

CREATE FUNCTION astrid.drop_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
BEGIN
    DELETE FROM astrid.queue q WHERE q.queue_id = id;
    IF NOT FOUND THEN
        PERFORM astrid._queue_id(queue);  -- another session has just dropped it: say so
    END IF;
    INSERT INTO astrid.dropped_queue (queue_id, queue_name, dropped_at) VALUES (id, queue, clock_timestamp());
    PERFORM astrid._queues_changed();
    PERFORM astrid._delete_jobs(id);
END
$$;
COMMENT ON FUNCTION astrid.drop_queue(text) IS
    'Drops the queue with all its jobs in any state. Running ones lose their leases: their workers cannot commit.';
CREATE FUNCTION astrid.clear_queue(queue text, states text[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
    wanted text[] := coalesce(states, ARRAY['ready', 'scheduled', 'blocked']);
    n bigint;
    cleared bigint := 0;
BEGIN
    IF NOT wanted <@ ARRAY['ready', 'scheduled', 'blocked', 'dead', 'completed', 'cancelled'] THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "states"',
            DETAIL = 'A queue can be cleared of ready, scheduled, blocked, dead, completed and cancelled jobs.',
            HINT = 'astrid_cancel ends a running job.';
    END IF;
    IF wanted && ARRAY['scheduled', 'blocked'] THEN
        WITH gone AS (
            DELETE FROM astrid.waiting w
             WHERE w.queue_id = id AND CASE WHEN w.blocked THEN 'blocked' ELSE 'scheduled' END = ANY (wanted)
            RETURNING w.job_id, w.unique_key),
        keys AS (DELETE FROM astrid.unique_key k USING gone g WHERE k.queue_id = id AND k.unique_key = g.unique_key),
        parents AS (DELETE FROM astrid.dependency d USING gone g WHERE d.child_id = g.job_id)
        SELECT count(*) INTO n FROM gone;
        cleared := cleared + n;
    END IF;
    IF 'ready' = ANY (wanted) THEN
        WITH gone AS (DELETE FROM astrid.ready r WHERE r.queue_id = id RETURNING r.unique_key),
        keys AS (DELETE FROM astrid.unique_key k USING gone g WHERE k.queue_id = id AND k.unique_key = g.unique_key)
        SELECT count(*) INTO n FROM gone;
        cleared := cleared + n;
    END IF;
    IF 'dead' = ANY (wanted) THEN
        DELETE FROM astrid.dead d WHERE d.queue_id = id;
        GET DIAGNOSTICS n = ROW_COUNT;
        cleared := cleared + n;
    END IF;
    IF wanted && ARRAY['completed', 'cancelled'] THEN
        DELETE FROM astrid.history h WHERE h.queue_id = id AND h.state = ANY (wanted);
        GET DIAGNOSTICS n = ROW_COUNT;
        cleared := cleared + n;
    END IF;
    RETURN cleared;
END
$$;
COMMENT ON FUNCTION astrid.clear_queue(text, text[]) IS
    'Deletes the jobs of a queue in these states (null: ready, scheduled, blocked), without a trace; returns how many.';
CREATE FUNCTION astrid.install_defaults() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    -- ON CONFLICT DO NOTHING: what the user edited stays as it is.
    INSERT INTO astrid.queue (queue_name, worker_type, priority, max_attempts, timeout) VALUES
        ('observation_ingestion', 'observation_ingestion', 0, 4, '10 minutes'),
        ('preprocessing', 'preprocessing', 0, 4, '30 minutes'),
        ('differencing', 'differencing', 0, 4, '1 hour'),
        ('detection', 'detection', 0, 4, '30 minutes'),
        ('curation', 'curation', 0, 4, '10 minutes'),
        ('notification', 'notification', 0, 4, '5 minutes')
    ON CONFLICT DO NOTHING;
    PERFORM astrid._queues_changed();
END
$$;
COMMENT ON FUNCTION astrid.install_defaults() IS
    'Creates the queues of the pipeline where they are missing; never changes one that is there.';
-- Before the functions that read it. One branch per state table. Every column has the same type in each branch, to the
-- letter: only then does the planner see through UNION ALL, drop branches whose state is not asked for, and leave out
-- columns that are not (the look-up of the last error would cost more than all the rest).
CREATE VIEW astrid.job_status AS
SELECT j.job_id, q.queue_name, j.state, j.priority, j.attempt, j.max_attempts, j.run_at, j.enqueued_at, j.started_at,
       j.finished_at, j.worker_id, j.lease_id, j.payload, j.result, j.error, j.progress, j.step, j.message,
       j.lease_until, j.max_attempts - 1 AS max_retries, extract(epoch FROM j.timeout)::float8 AS timeout,
       j.unique_key, j.group_key, j.tags, q.worker_type
  FROM (SELECT job_id, queue_id, 'ready'::text AS state, priority, attempt, max_attempts, run_at, enqueued_at,
               NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at, NULL::text AS worker_id,
               NULL::bigint AS lease_id, payload, NULL::jsonb AS result,
               CASE WHEN attempt > 0 THEN (SELECT a.error FROM astrid.attempt a WHERE a.job_id = t.job_id
                                      ORDER BY a.lease_id DESC LIMIT 1) END AS error,
               0::float8 AS progress, NULL::text AS step, NULL::text AS message, NULL::timestamptz AS lease_until,
               timeout, unique_key, group_key, tags
          FROM astrid.ready t
         UNION ALL
        SELECT job_id, queue_id, CASE WHEN blocked THEN 'blocked' ELSE 'scheduled' END, priority, attempt,
               max_attempts, run_at, enqueued_at, NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::bigint,
               payload, NULL::jsonb,
               CASE WHEN attempt > 0 THEN (SELECT a.error FROM astrid.attempt a WHERE a.job_id = t.job_id
                                      ORDER BY a.lease_id DESC LIMIT 1) END,
               0::float8, NULL::text, NULL::text, NULL::timestamptz, timeout, unique_key, group_key, tags
          FROM astrid.waiting t
         UNION ALL
        SELECT job_id, queue_id, 'running'::text, priority, attempt, max_attempts, run_at, enqueued_at, started_at,
               NULL::timestamptz, worker, lease_id, payload, NULL::jsonb,
               CASE WHEN attempt > 1 THEN (SELECT a.error FROM astrid.attempt a WHERE a.job_id = t.job_id
                                      ORDER BY a.lease_id DESC LIMIT 1) END,
               coalesce(progress, 0::float8), step, message, lease_until, timeout, unique_key, group_key, tags
          FROM astrid.running t
         UNION ALL
        SELECT job_id, queue_id, 'dead'::text, priority, attempt, max_attempts, run_at, enqueued_at, started_at,
               finished_at, worker, lease_id, payload, NULL::jsonb, error, 0::float8, NULL::text, NULL::text,
               NULL::timestamptz, timeout, unique_key, group_key, tags
          FROM astrid.dead
         UNION ALL
        SELECT job_id, queue_id, state, priority, attempt, max_attempts, run_at, enqueued_at, started_at, finished_at,
               worker, lease_id, payload, result, error,
               CASE WHEN state = 'completed' THEN 1::float8 ELSE 0::float8 END, NULL::text, NULL::text,
               NULL::timestamptz, timeout, unique_key, group_key, tags
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
-- Counts are exact and cost a look at what is live; history is not counted here, it has days of finished jobs.
CREATE VIEW astrid.queue_status AS
SELECT q.queue_name, q.worker_type, q.priority, q.max_attempts - 1 AS max_retries,
       extract(epoch FROM q.timeout)::float8 AS timeout, q.concurrency, q.enabled,
       coalesce(r.n, 0) AS ready, coalesce(w.scheduled, 0) AS scheduled, coalesce(w.blocked, 0) AS blocked,
       coalesce(x.n, 0) AS running, coalesce(d.n, 0) AS dead,
       CASE WHEN r.n > 0 THEN greatest(astrid.clock() - r.oldest, interval '0') END AS oldest_ready_age,
       q.max_attempts, q.backoff_base, q.backoff_max, q.payload_schema, q.created_at, q.updated_at
  FROM astrid.queue q
  LEFT JOIN (SELECT queue_id, count(*) AS n, min(run_at) AS oldest FROM astrid.ready GROUP BY queue_id) r
       USING (queue_id)
  LEFT JOIN (SELECT queue_id, count(*) FILTER (WHERE NOT blocked) AS scheduled, count(*) FILTER (WHERE blocked) AS blocked
               FROM astrid.waiting GROUP BY queue_id) w USING (queue_id)
  LEFT JOIN (SELECT queue_id, count(*) AS n FROM astrid.running GROUP BY queue_id) x USING (queue_id)
  LEFT JOIN (SELECT queue_id, count(*) AS n FROM astrid.dead GROUP BY queue_id) d USING (queue_id);

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
COMMENT ON COLUMN astrid.queue_status.oldest_ready_age IS 'How long the oldest ready job has been due; null: none is ready.';
COMMENT ON COLUMN astrid.queue_status.max_attempts IS 'Attempts of a job before it is dead.';
COMMENT ON COLUMN astrid.queue_status.backoff_base IS 'Wait after the first failed attempt; doubles with each further one.';
COMMENT ON COLUMN astrid.queue_status.backoff_max IS 'Longest wait between attempts.';
COMMENT ON COLUMN astrid.queue_status.payload_schema IS 'JSON Schema of the payload: stored, not yet enforced.';
COMMENT ON COLUMN astrid.queue_status.created_at IS 'When the queue was created.';
COMMENT ON COLUMN astrid.queue_status.updated_at IS 'When its settings last changed.';

CREATE VIEW astrid.dead_letters AS
SELECT d.job_id, q.queue_name, q.worker_type, d.priority, d.attempt, d.max_attempts, d.enqueued_at, d.started_at,
       d.finished_at, d.worker AS worker_id, d.error, d.payload,
       d.attempts, d.unique_key, d.group_key, d.tags
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
       w.info ->> 'host' AS host, astrid._number(w.info, 'pid')::int AS pid, w.info ->> 'version' AS version, w.info
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
CREATE FUNCTION astrid.enqueue(queue text, payload jsonb, priority int DEFAULT NULL, run_at timestamptz DEFAULT NULL,
                               max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                               unique_key text DEFAULT NULL, group_key text DEFAULT NULL,
                               depends_on bigint[] DEFAULT NULL, tags text[] DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_enqueue';
COMMENT ON FUNCTION astrid.enqueue(text, jsonb, int, timestamptz, int, interval, text, text, bigint[], text[]) IS
    'Puts a job into the queue, when the transaction commits. Returns its id, or that of the live job with the same unique_key.';

CREATE FUNCTION astrid.enqueue_batch(queue text, payloads jsonb[], priority int DEFAULT NULL,
                                     run_at timestamptz DEFAULT NULL, max_attempts int DEFAULT NULL,
                                     timeout interval DEFAULT NULL, unique_key text DEFAULT NULL,
                                     group_key text DEFAULT NULL, depends_on bigint[] DEFAULT NULL,
                                     tags text[] DEFAULT NULL)
    RETURNS SETOF bigint
    LANGUAGE c VOLATILE ROWS 100 AS 'MODULE_PATHNAME', 'astrid_enqueue_batch';
COMMENT ON FUNCTION astrid.enqueue_batch(text, jsonb[], int, timestamptz, int, interval, text, text, bigint[], text[]) IS
    'Puts one job per payload into the queue, all with the same options; returns their ids in the order of the payloads.';
CREATE FUNCTION astrid.claim(queues text[], worker text, max_jobs int DEFAULT NULL, lease interval DEFAULT NULL)
    RETURNS TABLE (job_id bigint, lease_id bigint, queue_name text, payload jsonb, attempt int, max_attempts int,
                   timeout interval, lease_until timestamptz, worker_type text, enqueued_at timestamptz, priority int,
                   group_key text, tags text[])
    LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'astrid_claim';
COMMENT ON FUNCTION astrid.claim(text[], text, int, interval) IS
    'Leases up to max_jobs (1) ready jobs to the worker for lease (60 s), by queue priority, job priority, place. Commit before the work starts.';

CREATE FUNCTION astrid.complete(job_id bigint, lease_id bigint, result jsonb DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_complete';
COMMENT ON FUNCTION astrid.complete(bigint, bigint, jsonb) IS
    'The job is done. False: the lease is lost; roll back what was done for it.';

CREATE FUNCTION astrid.complete_batch(job_ids bigint[], lease_ids bigint[], results jsonb[] DEFAULT NULL) RETURNS int
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_complete_batch';
COMMENT ON FUNCTION astrid.complete_batch(bigint[], bigint[], jsonb[]) IS
    'Completes several jobs, skips lost leases, returns how many were completed.';

CREATE FUNCTION astrid.complete_and_claim(job_ids bigint[], lease_ids bigint[], results jsonb[], queues text[],
                                          worker text, max_jobs int DEFAULT NULL, lease interval DEFAULT NULL)
    RETURNS TABLE (job_id bigint, lease_id bigint, queue_name text, payload jsonb, attempt int, max_attempts int,
                   timeout interval, lease_until timestamptz, worker_type text, enqueued_at timestamptz, priority int,
                   group_key text, tags text[])
    LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'astrid_complete_and_claim';
COMMENT ON FUNCTION astrid.complete_and_claim(bigint[], bigint[], jsonb[], text[], text, int, interval) IS
    'Completes the jobs of the last claim and claims the next ones in one round trip. Any lost lease raises lease_lost and nothing is done.';

CREATE FUNCTION astrid.check_lease(job_id bigint, lease_id bigint) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_check_lease';
COMMENT ON FUNCTION astrid.check_lease(bigint, bigint) IS
    'Holds the lease until the transaction ends, or raises lease_lost. First call of whatever writes on behalf of a job.';
CREATE FUNCTION astrid.fail(job_id bigint, lease_id bigint, error text DEFAULT NULL, retryable boolean DEFAULT NULL,
                            retry_in interval DEFAULT NULL, info jsonb DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    cause text := coalesce(info ->> 'cause', 'error');
    r astrid.running;
BEGIN
    IF cause NOT IN ('error', 'exit', 'signal', 'timeout', 'memory', 'crash', 'cancel') THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "info"',
            DETAIL = format('"%s" is none of the causes error, exit, signal, timeout, memory, crash, cancel.', cause);
    END IF;
    DELETE FROM astrid.running x WHERE x.job_id = job_id AND x.lease_id = lease_id RETURNING x.* INTO r;
    IF NOT FOUND THEN
        PERFORM astrid._raise_lease_lost(job_id);
    END IF;
    RETURN astrid._end_attempt(r, cause, error, coalesce(retryable, true), retry_in, info);
END
$$;
COMMENT ON FUNCTION astrid.fail(bigint, bigint, text, boolean, interval, jsonb) IS
    'The attempt failed; returns the new state: scheduled or ready (retry), dead, cancelled. info: {"cause": error|exit|signal|timeout|memory|crash|cancel, ...}.';

CREATE FUNCTION astrid.snooze(job_id bigint, lease_id bigint, delay interval DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    r astrid.running;
    job astrid.ready;
BEGIN
    DELETE FROM astrid.running x WHERE x.job_id = job_id AND x.lease_id = lease_id RETURNING x.* INTO r;
    IF NOT FOUND THEN
        PERFORM astrid._raise_lease_lost(job_id);
    END IF;
    job := astrid._job(r);
    IF r.command = 'cancel' THEN
        PERFORM astrid._archive_cancelled(job, r.lease_id, r.started_at, r.worker, NULL);
        RETURN;
    END IF;
    job.attempt := r.attempt - 1;
    job.run_at := astrid.clock() + coalesce(delay, astrid._backoff(r.queue_id, 1), interval '0');
    PERFORM astrid._put(job);
END
$$;
COMMENT ON FUNCTION astrid.snooze(bigint, bigint, interval) IS
    'Puts the running job off by delay (null: the queue''s back-off); the attempt does not count.';
CREATE FUNCTION astrid._state(job bigint) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT s.state FROM astrid.job_status s WHERE s.job_id = job
$$;
COMMENT ON FUNCTION astrid._state(bigint) IS 'State of the job; null: there is none.';

CREATE FUNCTION astrid._raise_state(job bigint, wish text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    state text := astrid._state(job);
BEGIN
    PERFORM astrid._require(job, 'job_id');
    IF state IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ003', MESSAGE = format('job %s does not exist', job);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'QJ004', MESSAGE = format('job %s is %s', job, state), DETAIL = wish;
END
$$;
COMMENT ON FUNCTION astrid._raise_state(bigint, text) IS
    'Raises QJ003 (no such job) or QJ004 (its state does not allow that).';

CREATE FUNCTION astrid.cancel(job_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    w astrid.waiting;
    r astrid.ready;
BEGIN
    -- Along the way that a job takes, and once more for one that went back meanwhile.
    FOR round IN 1..3 LOOP
        DELETE FROM astrid.waiting x WHERE x.job_id = job_id RETURNING x.* INTO w;
        IF FOUND THEN
            PERFORM astrid._archive_cancelled(astrid._job(w), NULL, NULL, NULL, NULL);
            RETURN;
        END IF;
        DELETE FROM astrid.ready x WHERE x.job_id = job_id RETURNING x.* INTO r;
        IF FOUND THEN
            PERFORM astrid._archive_cancelled(r, NULL, NULL, NULL, NULL);
            RETURN;
        END IF;
        UPDATE astrid.running x SET command = 'cancel' WHERE x.job_id = job_id;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
    IF astrid._state(job_id) IS DISTINCT FROM 'cancelled' THEN
        PERFORM astrid._raise_state(job_id, 'Only a job that is not finished can be cancelled.');
    END IF;
END
$$;
COMMENT ON FUNCTION astrid.cancel(bigint) IS
    'Cancels a waiting or ready job at once; a running one is told by its worker''s next heartbeat.';

CREATE FUNCTION astrid.retry(job_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    d astrid.dead;
    w astrid.waiting;
    job astrid.ready;
    holder bigint;
BEGIN
    DELETE FROM astrid.waiting x WHERE x.job_id = job_id AND NOT x.blocked RETURNING x.* INTO w;
    IF FOUND THEN
        job := astrid._job(w);
    ELSE
        DELETE FROM astrid.dead x WHERE x.job_id = job_id RETURNING x.* INTO d;
        IF NOT FOUND THEN
            PERFORM astrid._raise_state(job_id, 'Only a dead or a scheduled job can be retried.');
        END IF;
        job := astrid._job(d);
        job.attempt := 0;
        IF job.unique_key IS NOT NULL THEN
            holder := astrid._hold_key(job.queue_id, job.unique_key, job.job_id);
            IF holder <> job.job_id THEN
                RAISE EXCEPTION USING ERRCODE = 'QJ004', MESSAGE = format('job %s cannot be retried', job_id),
                    DETAIL = format('Job %s has its unique key by now.', holder);
            END IF;
        END IF;
    END IF;
    job.run_at := astrid.clock();
    PERFORM astrid._put(job);
END
$$;
COMMENT ON FUNCTION astrid.retry(bigint) IS
    'A dead job gets a new set of attempts, a scheduled one its time now.';

CREATE FUNCTION astrid.redrive(queue text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
    at timestamptz := astrid.clock();
    d astrid.dead;
    n bigint;
    with_key bigint := 0;
BEGIN
    WITH gone AS (DELETE FROM astrid.dead x WHERE x.queue_id = id AND x.unique_key IS NULL RETURNING x.*)
    INSERT INTO astrid.ready (job_id, position, run_at, enqueued_at, queue_id, priority, attempt, max_attempts, timeout,
                              unique_key, group_key, tags, payload)
        SELECT g.job_id, nextval('astrid.job_seq'), at, g.enqueued_at, g.queue_id, g.priority, 0, g.max_attempts,
               g.timeout, g.unique_key, g.group_key, g.tags, g.payload
          FROM (SELECT * FROM gone ORDER BY job_id) g;
    GET DIAGNOSTICS n = ROW_COUNT;
    FOR d IN SELECT * FROM astrid.dead x WHERE x.queue_id = id ORDER BY x.job_id FOR UPDATE LOOP
        IF astrid._hold_key(id, d.unique_key, d.job_id) = d.job_id THEN
            DELETE FROM astrid.dead x WHERE x.job_id = d.job_id;
            d.attempt := 0;
            d.run_at := at;
            PERFORM astrid._put(astrid._job(d));
            with_key := with_key + 1;
        END IF;
    END LOOP;
    IF n > 0 THEN
        PERFORM astrid._wake(queue, least(n, 1000)::int);
    END IF;
    RETURN n + with_key;
END
$$;
COMMENT ON FUNCTION astrid.redrive(text) IS
    'All dead jobs of the queue become ready again; those whose unique key another job has by now stay. Returns how many.';
CREATE FUNCTION astrid.progress(job_id bigint, lease_id bigint, fraction float8 DEFAULT NULL, step text DEFAULT NULL,
                                message text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
BEGIN
    IF NOT fraction BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "fraction"',
            DETAIL = 'It must lie between 0 and 1.';
    END IF;
    UPDATE astrid.running x
       SET progress = coalesce(fraction, x.progress),
           step = coalesce(step, x.step),
           message = coalesce(message, x.message)
     WHERE x.job_id = job_id AND x.lease_id = lease_id;
    IF NOT FOUND THEN
        PERFORM astrid._raise_lease_lost(job_id);
    END IF;
END
$$;
COMMENT ON FUNCTION astrid.progress(bigint, bigint, float8, text, text) IS
    'How far the running job is; null leaves what was said before.';

CREATE FUNCTION astrid.log(job_id bigint, lease_id bigint, level text DEFAULT NULL, message text DEFAULT NULL,
                           fields jsonb DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    at timestamptz := astrid.clock();
BEGIN
    PERFORM astrid.check_lease(job_id, lease_id);
    INSERT INTO astrid.job_log (job_id, lease_id, logged_at, attempt, slot, level, message, fields)
        SELECT x.job_id, x.lease_id, at, x.attempt, astrid._ring_slot(at), coalesce(level, 'info'), message,
               fields
          FROM astrid.running x
         WHERE x.job_id = job_id;
END
$$;
COMMENT ON FUNCTION astrid.log(bigint, bigint, text, text, jsonb) IS 'Adds a line to the log of the running job.';
CREATE FUNCTION astrid.job(job_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    found_job jsonb;
BEGIN
    SELECT to_jsonb(s) INTO found_job FROM astrid.job_status s WHERE s.job_id = job_id;
    IF found_job IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN found_job || jsonb_build_object(
        'attempts', coalesce((SELECT d.attempts FROM astrid.dead d WHERE d.job_id = job_id), astrid._attempts(job_id)),
        'depends_on', (SELECT coalesce(jsonb_agg(d.parent_id ORDER BY d.parent_id), '[]')
                         FROM astrid.dependency d WHERE d.child_id = job_id),
        'log', (SELECT coalesce(jsonb_agg(l.line ORDER BY l.line -> 'logged_at'), '[]')
                  FROM (SELECT to_jsonb(x) - 'slot' - 'job_id' - 'lease_id' AS line
                          FROM astrid.job_log x WHERE x.job_id = job_id ORDER BY x.logged_at DESC LIMIT 100) l));
END
$$;
COMMENT ON FUNCTION astrid.job(bigint) IS
    'All that is known of a job: its row of job_status, failed attempts, the jobs it waits for, its last 100 log lines. Null: no such job.';

CREATE FUNCTION astrid._why_ready(r astrid.ready, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    ahead bigint;
    running bigint;
BEGIN
    IF NOT q.enabled THEN
        RETURN format('ready, but queue "%s" is paused: astrid_resume_queue ends that', q.queue_name);
    END IF;
    SELECT count(*) INTO running FROM astrid.running x WHERE x.queue_id = q.queue_id;
    IF running >= q.concurrency THEN
        RETURN format('ready, but queue "%s" has reached its limit: %s of %s jobs are running', q.queue_name, running,
                      q.concurrency);
    END IF;
    SELECT count(*) INTO ahead FROM astrid.ready x
     WHERE x.queue_id = r.queue_id AND (x.priority, x.position) < (r.priority, r.position);
    IF NOT EXISTS (SELECT FROM astrid.worker w
                    WHERE w.worker_type IS NOT DISTINCT FROM coalesce(q.worker_type, w.worker_type)
                      AND w.status <> 'STOPPED' AND w.lease_until > astrid.clock()) AND running = 0 THEN
        RETURN format('ready, %s ahead of it in queue "%s", but no live worker%s has sent a heartbeat', ahead,
                      q.queue_name, coalesce(format(' of type "%s"', q.worker_type), ''));
    END IF;
    RETURN format('ready, %s ahead of it in queue "%s"; the next free worker takes the first', ahead, q.queue_name);
END
$$;
COMMENT ON FUNCTION astrid._why_ready(astrid.ready, astrid.queue) IS 'astrid.why for a ready job.';

CREATE FUNCTION astrid._why_waiting(w astrid.waiting) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    last_error text;
BEGIN
    IF w.blocked THEN
        RETURN 'blocked: waits for ' || (
            SELECT string_agg(format('job %s (%s)', d.parent_id, coalesce(astrid._state(d.parent_id), 'does not exist')),
                              ', ' ORDER BY d.parent_id)
              FROM astrid.dependency d WHERE d.child_id = w.job_id);
    END IF;
    IF w.run_at <= astrid.clock() THEN
        RETURN format('scheduled: due since %s, the next maintenance pass makes it ready', w.run_at);
    END IF;
    SELECT a.error INTO last_error FROM astrid.attempt a WHERE a.job_id = w.job_id ORDER BY a.lease_id DESC LIMIT 1;
    IF FOUND THEN
        RETURN format('scheduled: attempt %s of %s failed (%s), the next one is due at %s', w.attempt, w.max_attempts,
                      coalesce(last_error, 'no error text'), w.run_at);
    END IF;
    RETURN format('scheduled: due at %s', w.run_at);
END
$$;
COMMENT ON FUNCTION astrid._why_waiting(astrid.waiting) IS 'astrid.why for a scheduled or blocked job.';

CREATE FUNCTION astrid.why(job_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    q astrid.queue;
    r astrid.ready;
    w astrid.waiting;
    x astrid.running;
    d astrid.dead;
    h astrid.history;
BEGIN
    SELECT t.* INTO r FROM astrid.ready t WHERE t.job_id = job_id;
    IF FOUND THEN
        SELECT t.* INTO q FROM astrid.queue t WHERE t.queue_id = r.queue_id;
        RETURN astrid._why_ready(r, q);
    END IF;
    SELECT t.* INTO w FROM astrid.waiting t WHERE t.job_id = job_id;
    IF FOUND THEN
        RETURN astrid._why_waiting(w);
    END IF;
    SELECT t.* INTO x FROM astrid.running t WHERE t.job_id = job_id;
    IF FOUND THEN
        IF x.lease_until <= astrid.clock() THEN
            RETURN format('running, but the lease of worker "%s" ran out at %s: the next maintenance pass takes it back',
                          x.worker, x.lease_until);
        ELSIF x.command = 'cancel' THEN
            RETURN format('running on worker "%s", which the next heartbeat tells to cancel it', x.worker);
        END IF;
        RETURN format('it is running: worker "%s", attempt %s of %s, since %s, lease until %s', x.worker, x.attempt,
                      x.max_attempts, x.started_at, x.lease_until);
    END IF;
    SELECT t.* INTO d FROM astrid.dead t WHERE t.job_id = job_id;
    IF FOUND THEN
        RETURN format('dead since %s after attempt %s of %s: %s; astrid_retry gives it new attempts', d.finished_at,
                      d.attempt, d.max_attempts, coalesce(d.error, 'no error text'));
    END IF;
    SELECT t.* INTO h FROM astrid.history t WHERE t.job_id = job_id;
    IF FOUND THEN
        RETURN format('%s at %s', h.state, h.finished_at);
    END IF;
    RETURN format('there is no job %s: it never existed, was cleared, or finished long ago', job_id);
END
$$;
COMMENT ON FUNCTION astrid.why(bigint) IS 'Why the job is not running now, in plain words.';
CREATE FUNCTION astrid._beat_worker(worker_name text, held int, lease_end timestamptz, info jsonb) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    told text := upper(coalesce(info ->> 'status', CASE WHEN held > 0 THEN 'BUSY' ELSE 'IDLE' END));
    drain boolean;
BEGIN
    IF told NOT IN ('IDLE', 'BUSY', 'ERROR', 'STOPPED') THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "info"',
            DETAIL = format('"%s" is none of the states IDLE, BUSY, ERROR, STOPPED.', told);
    END IF;
    INSERT INTO astrid.worker AS w (worker, worker_type, status, started_at, last_heartbeat, lease_until, info)
        VALUES (worker_name, info ->> 'worker_type', told, at, at, lease_end, info)
    ON CONFLICT (worker) DO UPDATE
        SET worker_type = coalesce(excluded.worker_type, w.worker_type),
            status = excluded.status,
            started_at = CASE WHEN w.status = 'STOPPED' THEN at ELSE w.started_at END,
            draining = w.draining AND w.status <> 'STOPPED',
            last_heartbeat = at,
            lease_until = excluded.lease_until,
            info = w.info || excluded.info
    RETURNING w.draining INTO drain;
    INSERT INTO astrid.worker_sample (worker, sampled_at, slot, running, info)
        VALUES (worker_name, at, astrid._ring_slot(at), held, info);
    RETURN drain;
END
$$;
COMMENT ON FUNCTION astrid._beat_worker(text, int, timestamptz, jsonb) IS
    'Keeps the row of a worker and a sample of its metrics; true when it is to drain.';

CREATE FUNCTION astrid.heartbeat(worker text, job_ids bigint[] DEFAULT NULL, lease_ids bigint[] DEFAULT NULL,
                                 lease interval DEFAULT NULL, info jsonb DEFAULT NULL)
    RETURNS TABLE (job_id bigint, command text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    n int := coalesce(cardinality(job_ids), 0);
    lease_end timestamptz := astrid.clock() + coalesce(lease, interval '60 seconds');
    held record;
    told text;
BEGIN
    PERFORM astrid._require(worker, 'worker');
    IF n <> coalesce(cardinality(lease_ids), 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "lease_ids"',
            DETAIL = 'It must have as many elements as job_ids.';
    END IF;
    IF astrid._beat_worker(worker, n, lease_end, coalesce(info, '{}')) THEN
        command := 'drain';
        RETURN NEXT;
    END IF;
    -- One by one in the order of the jobs, as completions take them: the two cannot deadlock.
    FOR held IN SELECT u.job, u.lease FROM unnest(job_ids, lease_ids) AS u (job, lease) ORDER BY u.job LOOP
        UPDATE astrid.running x SET lease_until = greatest(x.lease_until, lease_end)
         WHERE x.job_id = held.job AND x.lease_id = held.lease
        RETURNING x.command INTO told;
        IF NOT FOUND THEN
            told := 'lost';
        END IF;
        IF told IS NOT NULL THEN
            job_id := held.job;
            command := told;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid.heartbeat(text, bigint[], bigint[], interval, jsonb) IS
    'Renews the worker''s leases for lease (60 s) and keeps worker_status; returns commands: cancel or lost for a job, drain (job_id null) for the worker.';

CREATE FUNCTION astrid.drain_worker(worker text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
BEGIN
    UPDATE astrid.worker w SET draining = true WHERE w.worker = worker;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = format('worker "%s" does not exist', worker),
            HINT = 'The view astrid.worker_status lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid.drain_worker(text) IS
    'The worker''s next heartbeat tells it to finish its jobs and stop.';
CREATE FUNCTION astrid.reap() RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    r astrid.running;
    n int := 0;
BEGIN
    -- The time that the lease ran was the wait: the retry follows at once.
    FOR r IN
        DELETE FROM astrid.running x
         WHERE x.job_id = ANY (ARRAY(SELECT y.job_id FROM astrid.running y WHERE y.lease_until <= at
                                      ORDER BY y.job_id LIMIT 1000 FOR UPDATE SKIP LOCKED))
        RETURNING x.*
    LOOP
        PERFORM astrid._end_attempt(r, 'lease expired', format('lease of worker "%s" expired', r.worker), true,
                                    interval '0', NULL);
        n := n + 1;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid.reap() IS
    'Takes back jobs whose lease ran out: ready again, or dead when the attempts are used up. Returns how many (at most 1000).';

CREATE FUNCTION astrid._promote() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    at timestamptz := astrid.clock();
    due record;
    n int := 0;
BEGIN
    FOR due IN
        WITH gone AS (
            DELETE FROM astrid.waiting x
             WHERE x.job_id = ANY (ARRAY(SELECT y.job_id FROM astrid.waiting y WHERE NOT y.blocked AND y.run_at <= at
                                          ORDER BY y.run_at, y.job_id LIMIT 10000 FOR UPDATE SKIP LOCKED))
            RETURNING x.*),
        moved AS (
            INSERT INTO astrid.ready (job_id, position, run_at, enqueued_at, queue_id, priority, attempt, max_attempts,
                                      timeout, unique_key, group_key, tags, payload)
            SELECT g.job_id, nextval('astrid.job_seq'), g.run_at, g.enqueued_at, g.queue_id, g.priority, g.attempt,
                   g.max_attempts, g.timeout, g.unique_key, g.group_key, g.tags, g.payload
              FROM (SELECT * FROM gone ORDER BY run_at, job_id) g
            RETURNING queue_id)
        SELECT q.queue_name, m.jobs
          FROM (SELECT queue_id, count(*)::int AS jobs FROM moved GROUP BY queue_id) m
          LEFT JOIN astrid.queue q USING (queue_id)
    LOOP
        n := n + due.jobs;
        PERFORM astrid._wake(due.queue_name, due.jobs);
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._promote() IS
    'Scheduled jobs whose time has come become ready, by run_at and number: at most 10000.';
CREATE FUNCTION astrid._rotate() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    next_slot smallint := astrid._ring_slot(at + interval '1 day');
    ring record;
    slot text;
    old boolean;
    used boolean;
    n int := 0;
BEGIN
    -- Empties the partition of tomorrow, which holds what is a week old. What it says is checked row by row: a clock
    -- that was set back, or a restored dump, must not cost a row of this week.
    FOR ring IN SELECT * FROM (VALUES ('history', 'finished_at'), ('attempt', 'ended_at'), ('job_log', 'logged_at'),
                                      ('worker_sample', 'sampled_at')) v (name, written_at) LOOP
        slot := ring.name || '_' || next_slot;
        EXECUTE format('SELECT EXISTS (SELECT FROM astrid.%I)', slot) INTO used;
        CONTINUE WHEN NOT used;
        BEGIN
            EXECUTE format('LOCK TABLE ONLY astrid.%I IN ACCESS EXCLUSIVE MODE NOWAIT', slot);
            EXECUTE format('SELECT NOT EXISTS (SELECT FROM astrid.%I WHERE %I > $1)', slot, ring.written_at)
                INTO old USING at - interval '5 days';
            IF old THEN
                EXECUTE format('TRUNCATE ONLY astrid.%I', slot);
                n := n + 1;
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- somebody reads it; there is a day's time
        END;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._rotate() IS 'Empties the ring partitions that are used next; returns how many.';

CREATE FUNCTION astrid._sweep() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    dropped record;
    swept int := 0;
BEGIN
    FOR dropped IN SELECT * FROM astrid.dropped_queue FOR UPDATE SKIP LOCKED LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_stat_activity a
                               WHERE a.xact_start <= dropped.dropped_at AND a.datname = current_database()
                                 AND a.backend_type <> 'autovacuum worker')
            OR EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = current_database());
        swept := swept + astrid._delete_jobs(dropped.queue_id);
        DELETE FROM astrid.dropped_queue d WHERE d.queue_id = dropped.queue_id;
    END LOOP;
    DELETE FROM astrid.worker w WHERE w.last_heartbeat < astrid.clock() - interval '7 days';
    RETURN swept;
END
$$;
COMMENT ON FUNCTION astrid._sweep() IS
    'Deletes jobs that came into a queue while it was dropped, and workers not heard of for a week.';

CREATE FUNCTION astrid.maintain() RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    reaped int;
    promoted int := 0;
    moved int;
    swept int;
BEGIN
    -- One pass at a time; whoever comes second has nothing to do. Released with the transaction.
    IF NOT pg_try_advisory_xact_lock('astrid.queue'::regclass::oid::int, 0) THEN
        RETURN jsonb_build_object('busy', true);
    END IF;
    reaped := astrid.reap();
    FOR batch IN 1..10 LOOP
        moved := astrid._promote();
        promoted := promoted + moved;
        EXIT WHEN moved = 0;
    END LOOP;
    swept := astrid._sweep();
    IF reaped >= 1000 OR promoted >= 10000 THEN
        PERFORM astrid._wake_at(clock_timestamp());  -- as much as one pass may do: the worker goes on at once
    END IF;
    RETURN jsonb_build_object('reaped', reaped, 'promoted', promoted, 'swept', swept, 'rotated', astrid._rotate());
END
$$;
COMMENT ON FUNCTION astrid.maintain() IS
    'One bounded pass of what time brings: leases that ran out, jobs that fall due, rings that turn. Returns what was done.';
-- A procedure without output arguments, without SET and not SECURITY DEFINER: in any other form the statement's
-- snapshot would stay for as long as it sleeps.
CREATE PROCEDURE astrid.wait(queues text[] DEFAULT NULL, timeout interval DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'astrid_wait';

COMMENT ON PROCEDURE astrid.wait(text[], interval) IS
    'Sleeps until a job becomes ready in one of the queues (null: in any), or the timeout (null: 15 s, at most '
    'astrid.wait_max) is over; returns at once when one became ready since this session last claimed. A statement of '
    'its own, outside of any transaction block. What it returns is a hint: claim, and see.';
-- Each function of the schema astrid also exists as astrid_* in the schema of the extension, so that
-- SELECT astrid_enqueue(...) works as it stands: the same definition under the second name.
DO $$
DECLARE
    f record;
    twin text;
    kind text;
BEGIN
    FOR f IN
        SELECT p.oid, p.proname, p.prokind, pg_get_functiondef(p.oid) AS definition,
               pg_get_function_identity_arguments(p.oid) AS arguments, obj_description(p.oid, 'pg_proc') AS comment
          FROM pg_proc p
         WHERE p.pronamespace = 'astrid'::regnamespace AND p.proname !~ '^_' AND p.proname <> 'clock'
    LOOP
        kind := CASE f.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END;
        twin := '@extschema@.astrid_' || f.proname;
        EXECUTE replace(f.definition, format('CREATE OR REPLACE %s astrid.%s(', kind, f.proname),
                        format('CREATE %s %s(', kind, twin));
        EXECUTE format('COMMENT ON %s %s(%s) IS %L', kind, twin, f.arguments, f.comment);
    END LOOP;
END
$$;
-- Who may do what: nothing is granted to PUBLIC; functions are the only way to write.
--   astrid_reader    the views, astrid_job, astrid_why
--   astrid_producer  reader + enqueue, cancel what was enqueued
--   astrid_worker    reader + claim, complete, fail, ..., enqueue the next job, maintain
--   astrid_admin     everything
DO $$
DECLARE
    class record;
    f record;
BEGIN
    REVOKE ALL ON SCHEMA astrid FROM PUBLIC;
    GRANT USAGE ON SCHEMA astrid TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
    GRANT SELECT ON astrid.job_status, astrid.queue_status, astrid.worker_status, astrid.worker_metrics,
        astrid.dead_letters TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
    FOR f IN
        SELECT p.oid::regprocedure AS signature, p.prokind,
               regexp_replace(p.proname, '^astrid_', '') AS name
          FROM pg_proc p
          JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
         WHERE e.extname = 'astrid'
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', f.signature);
        CONTINUE WHEN f.name ~ '^_' AND f.name <> '_number';
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO astrid_admin', f.signature);
        FOR class IN SELECT * FROM (VALUES
            ('astrid_reader', '{clock,_number,job,why}'::text[]),
            ('astrid_producer', '{clock,_number,job,why,enqueue,enqueue_batch,cancel}'),
            ('astrid_worker', '{clock,_number,job,why,enqueue,enqueue_batch,claim,complete,complete_batch,
                                complete_and_claim,check_lease,fail,snooze,heartbeat,progress,log,reap,maintain,wait}'))
            v (role_name, functions)
        LOOP
            IF f.name = ANY (class.functions) THEN
                EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', f.signature, class.role_name);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
-- pg_dump saves the rows of every table and the state of every sequence: none can be forgotten.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid FROM pg_class c
         WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'S')
    LOOP
        PERFORM pg_extension_config_dump(relation, '');
    END LOOP;
END
$$;
