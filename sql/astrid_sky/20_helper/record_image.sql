-- The row of an output file. Aligned, difference and score lie on the science grid, so size and footprint are the
-- observation's own, unless the stage (trimming an overscan) says otherwise.
CREATE FUNCTION sky.record_image(o sky.observations, kind text, step jsonb, role text, job_id bigint, lease_id bigint,
                                 made_from jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    output jsonb := sky.output_field(step, role);
    result jsonb := step -> 'result';
    stage  text := step ->> 'stage';
    w      record;
    id     bigint;
BEGIN
    w := sky.wcs_footprint(CASE WHEN jsonb_typeof(result -> 'wcs') = 'object' THEN result -> 'wcs' END);
    INSERT INTO sky.images (observation_id, kind, uri, sha256, bytes, width, height, instrument, object, band, mjd_mid_tai,
                            ra, dec, radius, footprint, fwhm, ellipticity, sky_level, sky_rms, n_sources, zero_point, m5,
                            quality, made_from, job_id, lease_id)
    VALUES (o.observation_id, record_image.kind, output ->> 'uri', output ->> 'sha256',
            sky.integer_field(output, 'bytes', stage),
            COALESCE(sky.integer_field(result, 'naxis1', stage), o.width),
            COALESCE(sky.integer_field(result, 'naxis2', stage), o.height),
            o.instrument, o.object, o.band, o.mjd_mid_tai, COALESCE(w.ra, o.ra), COALESCE(w.dec, o.dec),
            COALESCE(w.radius, o.radius), COALESCE(w.footprint, o.footprint),
            sky.number_field(result, 'fwhm', stage), sky.number_field(result, 'ellipticity', stage),
            sky.number_field(result, 'sky_level', stage), sky.number_field(result, 'sky_rms', stage),
            sky.integer_field(result, 'n_sources', stage), sky.number_field(result, 'zero_point', stage),
            sky.number_field(result, 'm5', stage), result, record_image.made_from,
            record_image.job_id, record_image.lease_id)
    RETURNING image_id INTO id;
    RETURN id;
END $$;
COMMENT ON FUNCTION sky.record_image(sky.observations, text, jsonb, text, bigint, bigint, jsonb) IS 'writes the row of an output file; its image_id';
