-- The observation and its raw image. Calibration frames are filed and end here.
CREATE FUNCTION sky.commit_ingestion(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    step    jsonb := sky.stage_result(results, 'ingest');
    choice  jsonb := sky.take_choice(commit_ingestion.job_id, commit_ingestion.lease_id);
    o       sky.observations := sky.read_observation(payload, step -> 'result');
    known   sky.observations;
    next_id bigint;
BEGIN
    IF choice ->> 'instrument' IS NULL AND EXISTS (
            SELECT FROM sky.instruments i WHERE i.name = o.instrument AND (i.keywords <> '{}' OR i.orientation IS NOT NULL)) THEN
        RETURN jsonb_build_object('instrument', o.instrument, 'next_job_id', astrid.enqueue('observation_ingestion',
            payload || jsonb_build_object('instrument', o.instrument), priority => commit_ingestion.priority));
    END IF;
    PERFORM sky.gate('ingest', o, step -> 'result');
    o.job_id := commit_ingestion.job_id;
    o.lease_id := commit_ingestion.lease_id;
    known := o;
    o := sky.insert_observation(o, COALESCE(payload -> 'reprocess' = 'true', false));
    PERFORM sky.record_runs(commit_ingestion.job_id, commit_ingestion.lease_id, o.observation_id, results);
    IF o.job_id <> known.job_id THEN
        IF o.kind <> known.kind THEN
            PERFORM sky.refuse(format('observation %s is already there as kind %s, not %s', o.observation_id, o.kind, known.kind),
                NULL, 'To subtract with a science frame as the reference call sky.use_reference().');
        END IF;
        RETURN jsonb_build_object('observation_id', o.observation_id, 'duplicate', true);
    END IF;
    IF o.kind IN ('bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.file_calibration(o, payload, commit_ingestion.job_id, commit_ingestion.lease_id);
        PERFORM sky.advance(o.observation_id, 'observation_ingestion', NULL, 'filed as calibration frame');
    ELSE
        next_id := sky.enqueue_next(o, 'preprocessing', priority);
        PERFORM sky.advance(o.observation_id, 'observation_ingestion', next_id);
    END IF;
    PERFORM astrid.log(commit_ingestion.job_id, commit_ingestion.lease_id, 'warning', w) FROM unnest(o.warnings) AS w;
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_ingestion(bigint, bigint, jsonb, int, jsonb) IS 'writes an observation; enqueues preprocessing';

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
