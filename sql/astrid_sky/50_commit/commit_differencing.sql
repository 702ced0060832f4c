-- Aligned reference, difference and score, with the numbers that judge them.
CREATE FUNCTION sky.commit_differencing(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o       sky.observations := sky.payload_observation(payload);
    aligned jsonb := sky.stage_result(results, 'align');
    step    jsonb := sky.stage_result(results, 'difference');
    choice  jsonb := sky.take_choice(commit_differencing.job_id, commit_differencing.lease_id);
    d       sky.differences;
    next_id bigint;
BEGIN
    PERFORM sky.gate('align', o, aligned -> 'result');
    PERFORM sky.gate('difference', o, step -> 'result');
    d.observation_id := o.observation_id;
    d.job_id := commit_differencing.job_id;
    d.lease_id := commit_differencing.lease_id;
    d.reference_id := (choice ->> 'reference')::bigint;
    d.science_id := (choice ->> 'science')::bigint;
    d.aligned_id := sky.record_image(o, 'aligned', aligned, 'aligned', d.job_id, d.lease_id, choice);
    d.image_id := sky.record_image(o, 'difference', step, 'difference', d.job_id, d.lease_id, choice);
    IF sky.output_field(step, 'score', false) IS NOT NULL THEN
        d.score_id := sky.record_image(o, 'score', step, 'score', d.job_id, d.lease_id, choice);
    END IF;
    PERFORM sky.write_difference(d, aligned -> 'result', step -> 'result');
    PERFORM sky.record_runs(d.job_id, d.lease_id, o.observation_id, results);
    next_id := sky.enqueue_next(o, 'detection', priority, sky.handed_on(payload));
    PERFORM sky.advance(o.observation_id, 'differencing', next_id);
    RETURN jsonb_build_object('observation_id', o.observation_id, 'reference_id', d.reference_id, 'next_job_id', next_id);
END $$;
COMMENT ON FUNCTION sky.commit_differencing(bigint, bigint, jsonb, int, jsonb) IS 'writes a difference; enqueues detection';
