-- Makes a calibrated image a reference and sends on the science frames that waited for one.
CREATE FUNCTION sky.install_reference(o sky.observations, image_id bigint, priority int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    waiting sky.observations;
    n       int := 0;
BEGIN
    PERFORM sky.lock_references(alone => true);
    -- a second run of the same frame takes the place of the first
    UPDATE sky.images i SET retired_at = clock_timestamp()
    WHERE i.observation_id = o.observation_id AND i.kind = 'reference' AND i.retired_at IS NULL;
    INSERT INTO sky.images (observation_id, kind, uri, hdu, sha256, bytes, width, height, instrument, object, band, mjd_mid_tai,
                            ra, dec, radius, footprint, fwhm, ellipticity, sky_level, sky_rms, n_sources, zero_point, m5,
                            quality, made_from, job_id, lease_id)
    SELECT i.observation_id, 'reference', i.uri, i.hdu, i.sha256, i.bytes, i.width, i.height, i.instrument, i.object, i.band,
           i.mjd_mid_tai, i.ra, i.dec, i.radius, i.footprint, i.fwhm, i.ellipticity, i.sky_level, i.sky_rms, i.n_sources,
           i.zero_point, i.m5, i.quality, i.made_from, i.job_id, i.lease_id
    FROM sky.images i WHERE i.image_id = install_reference.image_id;
    FOR waiting IN SELECT * FROM sky.observations s
                   WHERE s.kind = 'science' AND s.stage = 'preprocessing' AND s.next_job_id IS NULL
                     AND s.observation_id <> o.observation_id
                     AND (s.band IS NOT DISTINCT FROM o.band OR s.payload ? 'reference')
                   ORDER BY s.observation_id LOOP
        IF sky.find_reference(waiting) IS NOT NULL THEN
            PERFORM sky.advance(waiting.observation_id, 'preprocessing', sky.enqueue_next(waiting, 'differencing', priority));
            n := n + 1;
        END IF;
    END LOOP;
    RETURN n;
END $$;
COMMENT ON FUNCTION sky.install_reference(sky.observations, bigint, int) IS 'makes an image a reference; number of waiting observations it released';
