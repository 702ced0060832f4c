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
    IF cause NOT IN ('error', 'exit', 'signal', 'timeout', 'memory', 'crash', 'cancel', 'deadline') THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "info"',
            DETAIL = format('"%s" is none of the causes error, exit, signal, timeout, memory, crash, cancel, deadline.', cause);
    END IF;
    DELETE FROM astrid.running x WHERE x.job_id = job_id AND x.lease_id = lease_id RETURNING x.* INTO r;
    IF NOT FOUND THEN
        PERFORM astrid._raise_lease_lost(job_id);
    END IF;
    RETURN astrid._end_attempt(r, cause, error, coalesce(retryable, true), retry_in, info);
END
$$;
COMMENT ON FUNCTION astrid.fail(bigint, bigint, text, boolean, interval, jsonb) IS
    'The attempt failed; returns the new state: scheduled or ready (retry), dead, cancelled. info: {"cause": error|exit|signal|timeout|memory|crash|cancel|deadline, ...}.';

CREATE FUNCTION astrid.snooze(job_id bigint, lease_id bigint, delay interval DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
#variable_conflict use_variable
DECLARE
    r astrid.running;
    job astrid.ready;
    next_at timestamptz;
BEGIN
    DELETE FROM astrid.running x WHERE x.job_id = job_id AND x.lease_id = lease_id RETURNING x.* INTO r;
    IF NOT FOUND THEN
        PERFORM astrid._raise_lease_lost(job_id);
    END IF;
    IF r.command = 'cancel' THEN
        job := astrid._stop_running(r, false);
        PERFORM astrid._archive_cancelled(job, r.lease_id, r.started_at, r.worker, NULL);
        RETURN;
    END IF;
    SELECT astrid.clock() + coalesce(delay, astrid._backoff(q, coalesce(r.retry, q.retry), 1), interval '0') INTO next_at
      FROM astrid.queue q WHERE q.queue_id = r.queue_id;
    IF next_at >= r.deadline THEN
        PERFORM astrid._end_attempt(r, 'deadline', format('put off until %s', next_at), false, NULL, NULL);
        RETURN;
    END IF;
    job := astrid._stop_running(r, astrid._keeps_group(r.queue_id, false));
    job.attempt := r.attempt - 1;
    job.run_at := next_at;
    PERFORM astrid._put(job);
END
$$;
COMMENT ON FUNCTION astrid.snooze(bigint, bigint, interval) IS
    'Puts the running job off by delay (null: the queue''s back-off); the attempt does not count.';
