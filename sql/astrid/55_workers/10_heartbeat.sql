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
