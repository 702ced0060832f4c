-- The columns that all state tables share, as one value: a row of astrid.ready.

CREATE FUNCTION astrid._job(j astrid.waiting) RETURNS astrid.ready
    LANGUAGE sql IMMUTABLE
    RETURN ROW(j.job_id, j.position, j.run_at, j.enqueued_at, j.queue_id, j.priority, j.lane, j.attempt, j.max_attempts,
        j.crashes, j.timeout, j.deadline, j.admission, j.unique_key, j.group_key, j.tags, j.retry, j.payload)::astrid.ready;
COMMENT ON FUNCTION astrid._job(astrid.waiting) IS 'The columns that all state tables share.';

CREATE FUNCTION astrid._job(j astrid.running) RETURNS astrid.ready
    LANGUAGE sql IMMUTABLE
    RETURN ROW(j.job_id, j.position, j.run_at, j.enqueued_at, j.queue_id, j.priority, j.lane, j.attempt, j.max_attempts,
        j.crashes, j.timeout, j.deadline, j.admission, j.unique_key, j.group_key, j.tags, j.retry, j.payload)::astrid.ready;
COMMENT ON FUNCTION astrid._job(astrid.running) IS 'The columns that all state tables share.';

CREATE FUNCTION astrid._job(j astrid.dead) RETURNS astrid.ready
    LANGUAGE sql IMMUTABLE
    RETURN ROW(j.job_id, j.position, j.run_at, j.enqueued_at, j.queue_id, j.priority, j.lane, j.attempt, j.max_attempts,
        j.crashes, j.timeout, j.deadline, j.admission, j.unique_key, j.group_key, j.tags, j.retry, j.payload)::astrid.ready;
COMMENT ON FUNCTION astrid._job(astrid.dead) IS 'The columns that all state tables share.';

CREATE FUNCTION astrid._put(job astrid.ready) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF job.run_at > astrid.clock() THEN
        INSERT INTO astrid.waiting SELECT (job).*, false, false;
        PERFORM astrid._wake_at(job.run_at);
        RETURN 'scheduled';
    END IF;
    job.lane := astrid._lane_of(job.queue_id, job.priority, job.admission);
    job.position := astrid._position(job.queue_id, job.priority, job.group_key);
    INSERT INTO astrid.ready SELECT (job).*;
    PERFORM astrid._wake(q.queue_name, 1, job.position) FROM astrid.queue q WHERE q.queue_id = job.queue_id;
    RETURN 'ready';
END
$$;
COMMENT ON FUNCTION astrid._put(astrid.ready) IS
    'Puts a job that was taken from another table into its queue, at the end; returns its new state.';

CREATE FUNCTION astrid._finish(job astrid.ready, how text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid._release_key(job.queue_id, job.unique_key, job.job_id);
    IF job.admission = 2 THEN
        PERFORM astrid._leave_group(job.queue_id, job.group_key, job.job_id);
    END IF;
    PERFORM astrid._jobs_ended(ARRAY[job.job_id], how);
END
$$;
COMMENT ON FUNCTION astrid._finish(astrid.ready, text) IS
    'A job that does not run any more is cancelled or dead: what it held becomes free, what waits for it learns of it.';

CREATE FUNCTION astrid._archive_cancelled(job astrid.ready, lease bigint, started timestamptz, worker text, error text)
    RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
BEGIN
    INSERT INTO astrid.history
        SELECT (job).*, lease, started, at, astrid._ring_slot(at), worker, 'cancelled', NULL, error;
    PERFORM astrid._finish(job, 'cancelled');
    PERFORM astrid._job_event(job.queue_id, job.job_id, 'cancelled', 'cancelled', job.attempt, job.group_key,
                              worker, error);
    RETURN 'cancelled';
END
$$;
COMMENT ON FUNCTION astrid._archive_cancelled(astrid.ready, bigint, timestamptz, text, text) IS
    'Writes a job that was taken from its table to history as cancelled.';

CREATE FUNCTION astrid._stop_running(r astrid.running, keep_group boolean) RETURNS astrid.ready
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    job astrid.ready := astrid._job(r);
BEGIN
    PERFORM astrid._return_tokens(r.queue_id, 1);
    IF r.admission = 2 AND NOT keep_group THEN
        PERFORM astrid._leave_group(r.queue_id, r.group_key, r.job_id);
    END IF;
    IF NOT keep_group THEN
        job.admission := NULL;
    END IF;
    RETURN job;
END
$$;
COMMENT ON FUNCTION astrid._stop_running(astrid.running, boolean) IS
    'A job that was taken from astrid.running uses its queue''s limits no more, nor its group''s unless it keeps them; returns it.';

CREATE FUNCTION astrid._keeps_group(queue int, dies boolean) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT q.ordered AND (NOT dies OR q.dead_blocks) FROM astrid.queue q WHERE q.queue_id = queue
$$;
COMMENT ON FUNCTION astrid._keeps_group(int, boolean) IS
    'Does a job whose attempt ended (dies: the last one) stay at the head of its group?';

CREATE FUNCTION astrid._attempts(job bigint) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
-- In the order of their ends: sessions draw numbers of leases ahead.
SELECT coalesce(jsonb_agg(x.item ORDER BY (x.item ->> 'ended_at')::timestamptz, x.lease_id), '[]')
  FROM (SELECT DISTINCT ON (u.lease_id) u.lease_id, u.item
          FROM (SELECT a.lease_id, to_jsonb(a) - '{slot,queue_id,job_id}'::text[] AS item
                  FROM astrid.attempt a WHERE a.job_id = job
                 UNION ALL
                SELECT (e.item ->> 'lease_id')::bigint, e.item
                  FROM astrid.former_attempts f, jsonb_array_elements(f.attempts) e (item) WHERE f.job_id = job) u
         ORDER BY u.lease_id) x
$$;
COMMENT ON FUNCTION astrid._attempts(bigint) IS
    'The failed attempts of a job on record, also those of before a redrive, as a JSON array.';

CREATE FUNCTION astrid._keep_attempts(job bigint, former jsonb) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, astrid, pg_temp AS
$$
INSERT INTO astrid.former_attempts (job_id, attempts) SELECT job, former WHERE former <> '[]'
    ON CONFLICT ON CONSTRAINT former_attempts_pkey DO UPDATE SET attempts = excluded.attempts
$$;
COMMENT ON FUNCTION astrid._keep_attempts(bigint, jsonb) IS
    'Attempts of a dead job that lives again: it may outlive what the ring remembers.';

CREATE FUNCTION astrid._bury(job astrid.ready, lease bigint, started timestamptz, worker text, error text)
    RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    held astrid.ready := job;
BEGIN
    IF astrid._keeps_group(job.queue_id, true) THEN
        held.admission := NULL;
    ELSE
        job.admission := NULL;
    END IF;
    INSERT INTO astrid.dead
        SELECT (job).*, lease, started, astrid.clock(), worker, error, astrid._attempts(job.job_id);
    PERFORM astrid._finish(held, 'dead');
    PERFORM astrid._job_event(job.queue_id, job.job_id, 'dead', 'dead', job.attempt, job.group_key, worker,
                              error);
    RETURN 'dead';
END
$$;
COMMENT ON FUNCTION astrid._bury(astrid.ready, bigint, timestamptz, text, text) IS
    'Puts a job that was taken from its table among the dead letters.';

CREATE FUNCTION astrid._bury_late(job astrid.ready) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid._bury(job, NULL, NULL, NULL, format('deadline %s passed', job.deadline));
END
$$;
COMMENT ON FUNCTION astrid._bury_late(astrid.ready) IS 'Buries a job that was not running when its deadline passed.';

CREATE FUNCTION astrid._go_on(job bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
BEGIN
    DELETE FROM astrid.waiting x WHERE x.job_id = job AND x.blocked RETURNING x.* INTO w;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM astrid._put(astrid._job(w));
    RETURN true;
END
$$;
COMMENT ON FUNCTION astrid._go_on(bigint) IS
    'The job that had the unique key has ended: the one that waited for it goes on; false where it is not waiting any more.';

CREATE FUNCTION astrid._waits_for_key(w astrid.waiting) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT w.blocked AND NOT w.parked AND w.parents_left IS NULL
$$;
COMMENT ON FUNCTION astrid._waits_for_key(astrid.waiting) IS
    'Does the job wait for another one, which has its unique key, to end? As is_next() in extension/unique_restore.c.';

CREATE FUNCTION astrid._why_over(r astrid.running, q astrid.queue, cause text, error text, retryable boolean,
                                 next_at timestamptz)
    RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT CASE
    WHEN cause = 'deadline' THEN coalesce(error, cause)
    WHEN NOT retryable THEN coalesce(error, cause)
    WHEN r.crashes >= q.max_crashes AND r.attempt < r.max_attempts
        THEN format('given up after %s crashes: %s', r.crashes, coalesce(error, cause))
    WHEN r.attempt >= r.max_attempts THEN coalesce(error, cause)
    WHEN next_at >= r.deadline
        THEN format('deadline %s leaves no time for another attempt: %s', r.deadline, coalesce(error, cause))
    END
$$;
COMMENT ON FUNCTION astrid._why_over(astrid.running, astrid.queue, text, text, boolean, timestamptz) IS
    'Why a job whose attempt failed is dead; null: there is another attempt.';

CREATE FUNCTION astrid._end_attempt(r astrid.running, cause text, error text, retryable boolean, retry_in interval,
                                    info jsonb)
    RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    q astrid.queue;
    job astrid.ready;
    over text;
    next_at timestamptz;
    state text;
BEGIN
    SELECT x.* INTO q FROM astrid.queue x WHERE x.queue_id = r.queue_id;
    IF r.command IS DISTINCT FROM 'cancel' AND (cause = 'deadline' OR r.command = 'deadline' OR r.deadline <= at) THEN
        error := concat_ws(': ', 'deadline ' || r.deadline || ' passed', error);
        cause := 'deadline';
    END IF;
    IF cause IN ('crash', 'signal', 'memory', 'lease expired') THEN
        r.crashes := r.crashes + 1;
    END IF;
    INSERT INTO astrid.attempt (job_id, lease_id, started_at, ended_at, attempt, queue_id, slot, worker, cause, error,
                                info)
        VALUES (r.job_id, r.lease_id, r.started_at, at, r.attempt, r.queue_id, astrid._ring_slot(at), r.worker, cause,
                error, info);
    IF cause = 'cancel' OR r.command = 'cancel' THEN
        job := astrid._stop_running(r, false);
        RETURN astrid._archive_cancelled(job, r.lease_id, r.started_at, r.worker, error);
    END IF;
    retryable := retryable AND NOT astrid._is_permanent(coalesce(r.retry, q.retry), cause, info);
    next_at := at + coalesce(retry_in, astrid._backoff(q, coalesce(r.retry, q.retry), r.attempt), interval '0');
    over := astrid._why_over(r, q, cause, error, retryable, next_at);
    IF over IS NULL THEN
        job := astrid._stop_running(r, astrid._keeps_group(r.queue_id, false));
        job.run_at := next_at;
        state := astrid._put(job);
        PERFORM astrid._job_event(r.queue_id, r.job_id, 'failed', state, r.attempt, r.group_key, r.worker,
                                  error);
        RETURN state;
    END IF;
    job := astrid._stop_running(r, astrid._keeps_group(r.queue_id, true));
    RETURN astrid._bury(job, r.lease_id, r.started_at, r.worker, over);
END
$$;
COMMENT ON FUNCTION astrid._end_attempt(astrid.running, text, text, boolean, interval, jsonb) IS
    'An attempt ended without completing the job: keeps it on record and retries, buries or cancels the job.';
