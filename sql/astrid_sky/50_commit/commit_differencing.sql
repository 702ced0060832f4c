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

CREATE FUNCTION sky.write_difference(d sky.differences, aligned jsonb, result jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.differences (observation_id, reference_id, science_id, aligned_id, image_id, score_id, algorithm, convolved,
        kernel_sum, n_stamps, z_mad, z_std, used_fraction, lag1, n_match, residual_px, fit_order, quality, job_id, lease_id)
    VALUES (d.observation_id, d.reference_id, d.science_id, d.aligned_id, d.image_id, d.score_id,
        sky.text_field(result, 'algorithm', 'difference'), sky.text_field(result, 'convolved', 'difference'),
        sky.number_field(result, 'kernel_sum', 'difference'), sky.integer_field(result, 'n_stamps', 'difference'),
        sky.number_field(result, 'z_mad', 'difference'), sky.number_field(result, 'z_std', 'difference'),
        sky.number_field(result, 'used_fraction', 'difference'), sky.number_field(result, 'lag1', 'difference'),
        sky.integer_field(aligned, 'n_match', 'align'), sky.number_field(aligned, 'residual_px', 'align'),
        sky.integer_field(aligned, 'order', 'align'),
        jsonb_build_object('align', aligned, 'difference', result), d.job_id, d.lease_id)
    ON CONFLICT (observation_id) DO UPDATE SET
        reference_id = EXCLUDED.reference_id, science_id = EXCLUDED.science_id, aligned_id = EXCLUDED.aligned_id,
        image_id = EXCLUDED.image_id, score_id = EXCLUDED.score_id, algorithm = EXCLUDED.algorithm,
        convolved = EXCLUDED.convolved, kernel_sum = EXCLUDED.kernel_sum, n_stamps = EXCLUDED.n_stamps,
        z_mad = EXCLUDED.z_mad, z_std = EXCLUDED.z_std, used_fraction = EXCLUDED.used_fraction, lag1 = EXCLUDED.lag1,
        n_match = EXCLUDED.n_match, residual_px = EXCLUDED.residual_px, fit_order = EXCLUDED.fit_order,
        quality = EXCLUDED.quality, job_id = EXCLUDED.job_id, lease_id = EXCLUDED.lease_id, created_at = clock_timestamp()
$$;
COMMENT ON FUNCTION sky.write_difference(sky.differences, jsonb, jsonb) IS 'writes the difference of an observation, in place of an older one';
