-- Moving a job to another queue: it keeps all that the producer said, and begins anew with what the queue decides (its
-- place, its way through the limits of groups).

CREATE FUNCTION astrid._move_key(from_id int, to_id int, key text, job bigint) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF key IS NULL THEN
        RETURN true;
    ELSIF astrid._hold_key(to_id, key, job) <> job THEN
        RETURN false;
    END IF;
    PERFORM astrid._forget_key(from_id, key, job);
    RETURN true;
END
$$;
COMMENT ON FUNCTION astrid._move_key(int, int, text, bigint) IS
    'Takes a unique key along to another queue; false where another job has it there.';

CREATE FUNCTION astrid._moved(job astrid.ready, to_id int) RETURNS astrid.ready
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF job.admission = 2 THEN
        PERFORM astrid._leave_group(job.queue_id, job.group_key, job.job_id);
    END IF;
    job.queue_id := to_id;
    job.lane := astrid._lane(to_id, job.priority);
    job.admission := NULL;
    RETURN job;
END
$$;
COMMENT ON FUNCTION astrid._moved(astrid.ready, int) IS
    'The job as it is in another queue; gives back its place in its group of the old one.';

CREATE FUNCTION astrid._move_waiting(job bigint, states text[], from_id int, to_id int) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
    moved astrid.ready;
BEGIN
    SELECT x.* INTO w FROM astrid.waiting x
     WHERE x.job_id = job AND x.queue_id = from_id
       AND CASE WHEN x.blocked THEN 'blocked' ELSE 'scheduled' END = ANY (states)
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF NOT astrid._move_key(from_id, to_id, w.unique_key, job) THEN
        RETURN false;
    END IF;
    DELETE FROM astrid.waiting x WHERE x.job_id = job;
    moved := astrid._moved(astrid._job(w), to_id);
    IF w.parked OR astrid._waits_for_key(w) THEN
        PERFORM astrid._put(moved);  -- the other queue has its own groups and keys
    ELSE
        INSERT INTO astrid.waiting SELECT (moved).*, w.blocked, false, w.parents_left, w.parents;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION astrid._move_waiting(bigint, text[], int, int) IS
    'Moves a scheduled or blocked job; null: it is none of the queue, false: its unique key is taken.';

CREATE FUNCTION astrid._move_ready(job bigint, from_id int, to_id int) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    r astrid.ready;
BEGIN
    SELECT x.* INTO r FROM astrid.ready x WHERE x.job_id = job AND x.queue_id = from_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF NOT astrid._move_key(from_id, to_id, r.unique_key, job) THEN
        RETURN false;
    END IF;
    DELETE FROM astrid.ready x WHERE x.job_id = job;
    PERFORM astrid._put(astrid._moved(r, to_id));
    RETURN true;
END
$$;
COMMENT ON FUNCTION astrid._move_ready(bigint, int, int) IS
    'Moves a ready job; null: it is none of the queue, false: its unique key is taken.';

CREATE FUNCTION astrid._move_dead(job bigint, from_id int, to_id int) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    d astrid.dead;
    moved astrid.ready;
BEGIN
    SELECT x.* INTO d FROM astrid.dead x WHERE x.job_id = job AND x.queue_id = from_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    moved := astrid._moved(astrid._job(d), to_id);  -- a dead job holds no unique key
    UPDATE astrid.dead x SET queue_id = moved.queue_id, lane = moved.lane, admission = moved.admission
     WHERE x.job_id = job;
    RETURN true;
END
$$;
COMMENT ON FUNCTION astrid._move_dead(bigint, int, int) IS 'Moves a dead job; null: it is none of the queue.';

CREATE FUNCTION astrid._bulk_move(job bigint, states text[], from_queue text, to_queue text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    from_id int := astrid._queue_id(from_queue);
    to_id int := astrid._queue_id(to_queue);
    moved boolean;
BEGIN
    FOR round IN 1..2 LOOP
        moved := astrid._move_waiting(job, states, from_id, to_id);
        IF moved IS NULL AND 'ready' = ANY (states) THEN
            moved := astrid._move_ready(job, from_id, to_id);
        END IF;
        IF moved IS NULL AND 'dead' = ANY (states) THEN
            moved := astrid._move_dead(job, from_id, to_id);
        END IF;
        EXIT WHEN moved IS NOT NULL;
    END LOOP;
    RETURN coalesce(moved, false);
END
$$;
COMMENT ON FUNCTION astrid._bulk_move(bigint, text[], text, text) IS 'Moves a job of a bulk operation to another queue.';
