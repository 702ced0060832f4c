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
    PERFORM astrid._restore_keys();
    -- Who is just taking a key that is over is not waited for: the next pass looks again.
    DELETE FROM astrid.unique_key k
     WHERE k.ctid = ANY (ARRAY(SELECT y.ctid FROM astrid.unique_window x
                                 JOIN astrid.unique_key y USING (key_hash, queue_id, unique_key)
                                WHERE x.free_at <= now_at AND y.finished AND y.held_until <= now_at ORDER BY x.free_at LIMIT 1000
                                  FOR UPDATE OF y SKIP LOCKED));
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM astrid.unique_window w
     WHERE w.ctid = ANY (ARRAY(SELECT x.ctid FROM astrid.unique_window x
                                WHERE x.free_at <= now_at
                                  AND NOT EXISTS (SELECT FROM astrid.unique_key y
                                                   WHERE (y.key_hash, y.queue_id, y.unique_key) = (x.key_hash, x.queue_id, x.unique_key)
                                                     AND y.finished AND y.held_until <= now_at)
                                ORDER BY x.free_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._free_keys() IS 'Deletes unique keys that only a window held which is over: at most 1000.';
