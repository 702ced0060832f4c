-- Writes what a job's steps found, enqueues what comes next and completes the job: all or nothing, under the lease.
CREATE FUNCTION sky.commit(job_id bigint, lease_id bigint, results jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    j    record;
    done jsonb;
BEGIN
    j := sky.leased_job(commit.job_id, commit.lease_id);
    done := CASE j.queue_name
        WHEN 'observation_ingestion' THEN sky.commit_ingestion(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'preprocessing' THEN sky.commit_preprocessing(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'differencing' THEN sky.commit_differencing(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'detection' THEN sky.commit_detection(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'curation' THEN sky.commit_curation(j.payload, j.priority)
        WHEN 'notification' THEN sky.commit_notification(j.payload)
        ELSE sky.unknown_queue(j.queue_name) END;
    IF NOT astrid.complete(commit.job_id, commit.lease_id, done) THEN
        RAISE EXCEPTION 'lease %s of job %s is lost', lease_id, job_id USING ERRCODE = 'QJ001';
    END IF;
END $$;
COMMENT ON FUNCTION sky.commit(bigint, bigint, jsonb) IS 'writes the results of a job, enqueues the next and completes it, in one transaction';
