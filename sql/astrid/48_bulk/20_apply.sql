-- What is done to one job. It was chosen a moment ago, or an hour: each of these looks for it in the states that were
-- asked for, along the way that a job takes and once more for one that went back, and returns false where it is in
-- none of them.

CREATE FUNCTION astrid._take_waiting(job bigint, states text[]) RETURNS astrid.waiting
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
BEGIN
    IF states && ARRAY['scheduled', 'blocked'] THEN
        DELETE FROM astrid.waiting x
         WHERE x.job_id = job AND CASE WHEN x.blocked THEN 'blocked' ELSE 'scheduled' END = ANY (states)
        RETURNING x.* INTO w;
    END IF;
    RETURN w;
END
$$;
COMMENT ON FUNCTION astrid._take_waiting(bigint, text[]) IS
    'Takes a job from astrid.waiting if it is in one of the states; its job_id is null where it is not.';

CREATE FUNCTION astrid._take_ready(job bigint, states text[]) RETURNS astrid.ready
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    r astrid.ready;
BEGIN
    IF 'ready' = ANY (states) THEN
        DELETE FROM astrid.ready x WHERE x.job_id = job RETURNING x.* INTO r;
    END IF;
    RETURN r;
END
$$;
COMMENT ON FUNCTION astrid._take_ready(bigint, text[]) IS
    'Takes a job from astrid.ready if that is one of the states; its job_id is null where it is not there.';

CREATE FUNCTION astrid._bulk_cancel(job bigint, states text[]) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
    r astrid.ready;
BEGIN
    FOR round IN 1..2 LOOP
        w := astrid._take_waiting(job, states);
        IF w.job_id IS NOT NULL THEN
            PERFORM astrid._archive_cancelled(astrid._job(w), NULL, NULL, NULL, NULL);
            RETURN true;
        END IF;
        r := astrid._take_ready(job, states);
        IF r.job_id IS NOT NULL THEN
            PERFORM astrid._archive_cancelled(r, NULL, NULL, NULL, NULL);
            RETURN true;
        END IF;
        IF 'running' = ANY (states) THEN
            UPDATE astrid.running x SET command = 'cancel' WHERE x.job_id = job;
            IF FOUND THEN
                RETURN true;
            END IF;
        END IF;
    END LOOP;
    -- Perhaps with a job that it waited for, a moment ago.
    RETURN EXISTS (SELECT FROM astrid.history h WHERE h.job_id = job AND h.state = 'cancelled');
END
$$;
COMMENT ON FUNCTION astrid._bulk_cancel(bigint, text[]) IS 'astrid.cancel for a job of a bulk operation.';

CREATE FUNCTION astrid._bulk_retry(job bigint, states text[]) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
    d astrid.dead;
    again astrid.ready;
BEGIN
    w := astrid._take_waiting(job, states);
    IF w.job_id IS NOT NULL THEN
        again := astrid._job(w);
        again.run_at := astrid.clock();
        PERFORM astrid._put(again);
        RETURN true;
    END IF;
    IF 'dead' = ANY (states) THEN
        SELECT x.* INTO d FROM astrid.dead x WHERE x.job_id = job FOR UPDATE;
        RETURN FOUND AND astrid._revive(d) = job;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION astrid._bulk_retry(bigint, text[]) IS 'astrid.retry for a job of a bulk operation.';

CREATE FUNCTION astrid._forget(job astrid.ready) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
BEGIN
    PERFORM astrid._forget_key(job.queue_id, job.unique_key, job.job_id);
    IF job.admission = 2 THEN
        PERFORM astrid._leave_group(job.queue_id, job.group_key, job.job_id);
    END IF;
    PERFORM astrid._jobs_ended(ARRAY[job.job_id], 'deleted');
END
$$;
COMMENT ON FUNCTION astrid._forget(astrid.ready) IS
    'A job that was taken from its table is to leave no trace: gives back its unique key and its place in its group; jobs that wait for it are cancelled.';

CREATE FUNCTION astrid._bulk_delete(job bigint, states text[]) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
    r astrid.ready;
    d astrid.dead;
BEGIN
    FOR round IN 1..2 LOOP
        w := astrid._take_waiting(job, states);
        IF w.job_id IS NOT NULL THEN
            PERFORM astrid._forget(astrid._job(w));
            RETURN true;
        END IF;
        r := astrid._take_ready(job, states);
        IF r.job_id IS NOT NULL THEN
            PERFORM astrid._forget(r);
            RETURN true;
        END IF;
        IF 'dead' = ANY (states) THEN
            DELETE FROM astrid.dead x WHERE x.job_id = job RETURNING x.* INTO d;
            IF FOUND THEN
                PERFORM astrid._forget(astrid._job(d));
                RETURN true;
            END IF;
        END IF;
        -- Jobs that waited for a deleted one are cancelled with it: they are to leave no trace either.
        DELETE FROM astrid.history h
         WHERE h.job_id = job
           AND (h.state = ANY (states) OR h.state = 'cancelled' AND states && ARRAY['scheduled', 'blocked', 'ready']);
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION astrid._bulk_delete(bigint, text[]) IS 'Deletes a job of a bulk operation without a trace.';
