CREATE FUNCTION astrid._expire(job bigint, due timestamptz) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    w astrid.waiting;
    r astrid.ready;
BEGIN
    -- Along the way that a job takes. A job that was replaced has another deadline by now. Who has the group of a job
    -- may be about to hand it a place.
    DELETE FROM astrid.waiting x
     WHERE x.job_id = (SELECT y.job_id FROM astrid.waiting y
                        WHERE y.job_id = job AND y.deadline = due
                          AND (NOT y.parked AND y.admission IS DISTINCT FROM 2
                               OR astrid._try_group(y.queue_id, y.group_key))
                          FOR UPDATE SKIP LOCKED)
    RETURNING x.* INTO w;
    IF FOUND THEN
        PERFORM astrid._bury_late(astrid._job(w));
        RETURN true;
    END IF;
    DELETE FROM astrid.ready x
     WHERE x.job_id = (SELECT y.job_id FROM astrid.ready y
                        WHERE y.job_id = job AND y.deadline = due
                          AND (y.admission IS DISTINCT FROM 2 OR astrid._try_group(y.queue_id, y.group_key))
                          FOR UPDATE SKIP LOCKED)
    RETURNING x.* INTO r;
    IF FOUND THEN
        PERFORM astrid._bury_late(r);
        RETURN true;
    END IF;
    UPDATE astrid.running x SET command = coalesce(x.command, 'deadline')
     WHERE x.job_id = (SELECT y.job_id FROM astrid.running y WHERE y.job_id = job AND y.deadline = due
                          FOR NO KEY UPDATE SKIP LOCKED);
    IF FOUND THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM astrid.waiting x WHERE x.job_id = job AND x.deadline = due)
       OR EXISTS (SELECT FROM astrid.ready x WHERE x.job_id = job AND x.deadline = due)
       OR EXISTS (SELECT FROM astrid.running x WHERE x.job_id = job AND x.deadline = due) THEN
        RETURN NULL;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION astrid._expire(bigint, timestamptz) IS
    'Buries a job whose deadline passes, or tells the worker that runs it. False: it has ended; null: another session has it, or its group, just now.';

CREATE FUNCTION astrid._pass_deadlines() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    now_at timestamptz := astrid.clock();
    due astrid.deadline;
    expired boolean;
    n int := 0;
BEGIN
    FOR due IN SELECT * FROM astrid.deadline x WHERE x.at <= now_at ORDER BY x.at LIMIT 1000 LOOP
        expired := astrid._expire(due.job_id, due.at);
        CONTINUE WHEN expired IS NULL;  -- the next pass looks again
        DELETE FROM astrid.deadline x WHERE x.at = due.at AND x.job_id = due.job_id;
        IF expired THEN
            n := n + 1;
        END IF;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._pass_deadlines() IS
    'Deadlines that have passed: buries the jobs, tells workers that run them. At most 1000; returns how many were not done.';

CREATE FUNCTION astrid._free_keys() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    now_at timestamptz := astrid.clock();
    n int;
BEGIN
    WITH over AS (
        DELETE FROM astrid.unique_window x
         WHERE x.ctid = ANY (ARRAY(SELECT y.ctid FROM astrid.unique_window y WHERE y.free_at <= now_at ORDER BY y.free_at
                                    LIMIT 1000))
        RETURNING x.*)
    DELETE FROM astrid.unique_key k USING over o
     WHERE k.key_hash = astrid._key_hash(o.queue_id, o.unique_key) AND k.queue_id = o.queue_id
       AND k.unique_key = o.unique_key AND k.job_id = o.job_id AND k.finished AND k.held_until <= now_at;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._free_keys() IS 'Deletes unique keys that only a window held which is over: at most 1000.';
