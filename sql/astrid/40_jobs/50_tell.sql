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
    INSERT INTO astrid.job_log (job_id, lease_id, logged_at, attempt, queue_id, slot, level, message, fields)
        SELECT x.job_id, x.lease_id, at, x.attempt, x.queue_id, astrid._ring_slot(at), coalesce(level, 'info'),
               message, fields
          FROM astrid.running x
         WHERE x.job_id = job_id;
END
$$;
COMMENT ON FUNCTION astrid.log(bigint, bigint, text, text, jsonb) IS 'Adds a line to the log of the running job.';
