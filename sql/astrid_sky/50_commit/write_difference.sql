-- One difference per observation; its number stays through a second run.
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
