-- By content: of two jobs that hand in the same file the second one waits here and gets the first one's row. To replace
-- it ("reprocess": true in the payload) is how an edited sky.instruments reaches frames that are already there.
CREATE FUNCTION sky.insert_observation(o sky.observations, replace boolean) RETURNS sky.observations
LANGUAGE plpgsql AS $$
DECLARE
    kept sky.observations;
BEGIN
    INSERT INTO sky.observations (uri, hdu, sha256, bytes, kind, instrument, object, imagetyp, band, filter, date_obs,
        mjd_mid_tai, exptime, gain, read_noise, saturation, bunit, width, height, ra, dec, radius, footprint, pixel_scale,
        wcs_approx, ingest, payload, warnings, job_id, lease_id)
    VALUES (o.uri, o.hdu, o.sha256, o.bytes, o.kind, o.instrument, o.object, o.imagetyp, o.band, o.filter, o.date_obs,
        o.mjd_mid_tai, o.exptime, o.gain, o.read_noise, o.saturation, o.bunit, o.width, o.height, o.ra, o.dec, o.radius,
        o.footprint, o.pixel_scale, o.wcs_approx, o.ingest, o.payload, o.warnings, o.job_id, o.lease_id)
    ON CONFLICT (sha256, hdu) DO UPDATE SET uri = EXCLUDED.uri, kind = EXCLUDED.kind, instrument = EXCLUDED.instrument,
        object = EXCLUDED.object, imagetyp = EXCLUDED.imagetyp, band = EXCLUDED.band, filter = EXCLUDED.filter,
        date_obs = EXCLUDED.date_obs, mjd_mid_tai = EXCLUDED.mjd_mid_tai, exptime = EXCLUDED.exptime, gain = EXCLUDED.gain,
        read_noise = EXCLUDED.read_noise, saturation = EXCLUDED.saturation, bunit = EXCLUDED.bunit, ra = EXCLUDED.ra,
        dec = EXCLUDED.dec, radius = EXCLUDED.radius, footprint = EXCLUDED.footprint, pixel_scale = EXCLUDED.pixel_scale,
        wcs_approx = EXCLUDED.wcs_approx, ingest = EXCLUDED.ingest, payload = EXCLUDED.payload, warnings = EXCLUDED.warnings,
        job_id = EXCLUDED.job_id, lease_id = EXCLUDED.lease_id
    WHERE replace RETURNING * INTO kept;
    IF kept.observation_id IS NULL THEN
        SELECT * INTO kept FROM sky.observations s WHERE s.sha256 = o.sha256 AND s.hdu = o.hdu;
        RETURN kept;
    END IF;
    DELETE FROM sky.images i WHERE i.observation_id = kept.observation_id AND i.kind = 'raw';
    INSERT INTO sky.images (observation_id, kind, uri, hdu, sha256, bytes, width, height, instrument, object, band,
        mjd_mid_tai, ra, dec, radius, footprint, quality, job_id, lease_id)
    VALUES (kept.observation_id, 'raw', o.uri, o.hdu, o.sha256, o.bytes, o.width, o.height, o.instrument, o.object, o.band,
        o.mjd_mid_tai, o.ra, o.dec, o.radius, o.footprint,
        jsonb_strip_nulls(jsonb_build_object('finite', o.ingest -> 'finite', 'min', o.ingest -> 'min',
                                             'max', o.ingest -> 'max', 'mean', o.ingest -> 'mean')), o.job_id, o.lease_id);
    RETURN kept;
END $$;
COMMENT ON FUNCTION sky.insert_observation(sky.observations, boolean) IS 'writes an observation with its raw image; where one has the same content gives that, or replaces it';
