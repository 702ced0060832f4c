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
