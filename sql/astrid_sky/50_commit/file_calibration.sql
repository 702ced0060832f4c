-- A bad pixel map is one file by nature; a bias, dark or flat is a master only if the user says so.
CREATE FUNCTION sky.file_calibration(o sky.observations, payload jsonb, job_id bigint, lease_id bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.calibration_frames (observation_id, kind, is_master, uri, hdu, sha256, instrument, band, exptime,
                                        binning, width, height, mjd_mid_tai, job_id, lease_id)
    VALUES (o.observation_id, o.kind, o.kind = 'bpm' OR COALESCE(payload -> 'master' = 'true', false), o.uri, o.hdu,
            o.sha256, o.instrument, o.band, o.exptime, o.ingest ->> 'binning', o.width, o.height, o.mjd_mid_tai,
            file_calibration.job_id, file_calibration.lease_id)
    ON CONFLICT (observation_id) DO UPDATE SET kind = EXCLUDED.kind, is_master = EXCLUDED.is_master, uri = EXCLUDED.uri,
        instrument = EXCLUDED.instrument, band = EXCLUDED.band, exptime = EXCLUDED.exptime, binning = EXCLUDED.binning,
        mjd_mid_tai = EXCLUDED.mjd_mid_tai, job_id = EXCLUDED.job_id, lease_id = EXCLUDED.lease_id
$$;
COMMENT ON FUNCTION sky.file_calibration(sky.observations, jsonb, bigint, bigint) IS 'files an observation as a calibration frame';
