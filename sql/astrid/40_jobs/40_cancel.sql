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
        PERFORM astrid._enter_groups_of(ARRAY[job_id]);
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

CREATE FUNCTION astrid._revive(d astrid.dead) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
DECLARE
    job astrid.ready := astrid._job(d);
    holder bigint := d.job_id;
BEGIN
    IF d.unique_key IS NOT NULL THEN
        holder := astrid._hold_key(d.queue_id, d.unique_key, d.job_id);
    END IF;
    IF holder = d.job_id THEN
        DELETE FROM astrid.dead x WHERE x.job_id = d.job_id;
        PERFORM astrid._keep_attempts(d.job_id, d.attempts);
        job.attempt := 0;
        job.crashes := 0;
        job.run_at := astrid.clock();
        IF job.deadline <= job.run_at THEN
            job.deadline := NULL;  -- who asks for it wants it to run all the same
        END IF;
        PERFORM astrid._put(job);
    END IF;
    RETURN holder;
END
$$;
COMMENT ON FUNCTION astrid._revive(astrid.dead) IS
    'Gives a dead job, which the caller has locked, a new set of attempts. Returns the job that has its unique key: another one, and nothing was done.';

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
        job.run_at := astrid.clock();
        PERFORM astrid._put(job);
        RETURN;
    END IF;
    SELECT x.* INTO d FROM astrid.dead x WHERE x.job_id = job_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM astrid._raise_state(job_id, 'Only a dead or a scheduled job can be retried.');
    END IF;
    holder := astrid._revive(d);
    IF holder <> job_id THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ004', MESSAGE = format('job %s cannot be retried', job_id),
            DETAIL = format('Job %s has its unique key by now.', holder);
    END IF;
END
$$;
COMMENT ON FUNCTION astrid.retry(bigint) IS
    'A dead job gets a new set of attempts, a scheduled one its time now.';

CREATE FUNCTION astrid._redrive_all(queue text, id int) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    d astrid.dead;
    n bigint;
    first bigint;
    with_key bigint := 0;
BEGIN
    WITH gone AS (DELETE FROM astrid.dead x WHERE x.queue_id = id AND x.unique_key IS NULL RETURNING x.*),
    kept AS (
        INSERT INTO astrid.former_attempts AS f (job_id, attempts)
            SELECT g.job_id, g.attempts FROM gone g WHERE g.attempts <> '[]'
            ON CONFLICT ON CONSTRAINT former_attempts_pkey DO UPDATE SET attempts = excluded.attempts),
    moved AS (
        INSERT INTO astrid.ready (job_id, position, run_at, enqueued_at, queue_id, priority, lane, attempt,
                                  max_attempts, crashes, timeout, deadline, admission, unique_key, group_key, tags, retry,
                                  payload)
        SELECT g.job_id, astrid._position(id, g.priority, g.group_key), at, g.enqueued_at, g.queue_id, g.priority,
               astrid._lane_of(id, g.priority, g.admission), 0, g.max_attempts, 0, g.timeout,
               CASE WHEN g.deadline > at THEN g.deadline END, g.admission, g.unique_key,
               g.group_key, g.tags, g.retry, g.payload
          FROM (SELECT * FROM gone ORDER BY job_id) g
        RETURNING position)
    SELECT count(*), min(position) INTO n, first FROM moved;
    FOR d IN SELECT * FROM astrid.dead x WHERE x.queue_id = id ORDER BY x.job_id FOR UPDATE LOOP
        IF astrid._revive(d) = d.job_id THEN
            with_key := with_key + 1;
        END IF;
    END LOOP;
    IF n > 0 THEN
        PERFORM astrid._wake(queue, least(n, 1000)::int, first);
    END IF;
    RETURN n + with_key;
END
$$;
COMMENT ON FUNCTION astrid._redrive_all(text, int) IS 'astrid.redrive without a filter, for any number of jobs.';

CREATE FUNCTION astrid.redrive(queue text, filter jsonb DEFAULT NULL, max_jobs int DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
BEGIN
    IF filter IS NULL AND max_jobs IS NULL THEN
        RETURN astrid._redrive_all(queue, id);
    ELSIF filter ? 'queue' THEN
        PERFORM astrid._refuse_filter('The queue is given by the first argument.');
    END IF;
    RETURN (astrid.retry_jobs(coalesce(filter, '{}') || jsonb_build_object('queue', queue, 'state', 'dead'),
                              max_jobs => max_jobs) ->> 'done')::bigint;
END
$$;
COMMENT ON FUNCTION astrid.redrive(text, jsonb, int) IS
    'The dead jobs of the queue (those that match the filter, max_jobs of them) become ready again; those whose unique key another job has by now stay. Returns how many.';
