-- First call of every function that writes for a job: locks the lease or raises lease_lost, then tells what the job is.
CREATE FUNCTION sky.leased_job(job_id bigint, lease_id bigint, OUT queue_name text, OUT payload jsonb, OUT priority int)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM astrid.check_lease(leased_job.job_id, leased_job.lease_id);
    SELECT j.queue_name, j.payload, j.priority INTO queue_name, payload, priority
    FROM astrid.job_status j
    WHERE j.job_id = leased_job.job_id AND j.state = 'running';
    IF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
        PERFORM sky.refuse('payload must be a JSON object', NULL, 'For example {"uri": "/data/raw/1.fits"}.');
    END IF;
END $$;
COMMENT ON FUNCTION sky.leased_job(bigint, bigint) IS 'queue and payload of a running job; locks the lease or raises lease_lost';
