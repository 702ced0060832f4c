-- Every commit writes these; sky.stage_times adds them up.
CREATE FUNCTION sky.record_runs(job_id bigint, lease_id bigint, observation_id bigint, results jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.stage_runs (job_id, lease_id, step, observation_id, stage, version, ms)
    SELECT job_id, lease_id, n - 1, observation_id, sky.text_field(e, 'stage', '?', true),
           sky.integer_field(e, 'version', e ->> 'stage')::int, sky.number_field(e, 'ms', e ->> 'stage')
    FROM jsonb_array_elements(results) WITH ORDINALITY AS r (e, n)
$$;
COMMENT ON FUNCTION sky.record_runs(bigint, bigint, bigint, jsonb) IS 'writes the time of each step';
