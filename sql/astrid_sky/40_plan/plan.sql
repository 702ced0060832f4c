-- What is to be run for a job? The worker's only question to this schema; see docs/architecture.md, "Plan and commit".
CREATE FUNCTION sky.plan(job_id bigint, lease_id bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    j record;
BEGIN
    j := sky.leased_job(plan.job_id, plan.lease_id);
    RETURN CASE j.queue_name
        WHEN 'observation_ingestion' THEN sky.plan_ingestion(plan.job_id, plan.lease_id, j.payload)
        WHEN 'preprocessing' THEN sky.plan_preprocessing(plan.job_id, plan.lease_id, j.payload)
        WHEN 'differencing' THEN sky.plan_differencing(plan.job_id, plan.lease_id, j.payload)
        WHEN 'detection' THEN sky.plan_detection(j.payload)
        WHEN 'curation' THEN '{"steps": []}'
        WHEN 'notification' THEN '{"steps": []}'
        ELSE sky.unknown_queue(j.queue_name) END;
END $$;
COMMENT ON FUNCTION sky.plan(bigint, bigint) IS 'steps that a worker runs for a job: {"steps": [{"stage", "inputs", "outputs", "params"}]}';
