-- One step: calibrate, with the calibration frames that are there. While frames of a calibration kind are just being
-- ingested the job steps aside (snooze): sky.ingest() puts them before all others, so that those running are all
-- that can still be missing. The empty plan then ends at sky.commit, which finds the lease gone.
CREATE FUNCTION sky.plan_preprocessing(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o      sky.observations := sky.payload_observation(payload);
    inputs jsonb;
    used   jsonb;
BEGIN
    IF sky.calibration_in_work() THEN
        PERFORM astrid.snooze(plan_preprocessing.job_id, plan_preprocessing.lease_id,
                              make_interval(secs => sky.setting_number('calibration_wait')));
        RETURN jsonb_build_object('steps', '[]'::jsonb, 'snoozed', 'calibration frames are being ingested');
    END IF;
    SELECT COALESCE(jsonb_object_agg(k.kind, k.uris), '{}'), COALESCE(jsonb_object_agg(k.kind, k.ids), '{}')
    INTO inputs, used
    FROM (SELECT kind, jsonb_agg(c.uri ORDER BY c.calibration_id) AS uris,
                 jsonb_agg(c.calibration_id ORDER BY c.calibration_id) AS ids
          FROM unnest(ARRAY['bias', 'dark', 'flat', 'bpm']) AS kind, sky.calibration_inputs(o, kind) AS c
          GROUP BY kind) AS k;
    PERFORM sky.keep_choice(plan_preprocessing.job_id, plan_preprocessing.lease_id, used);
    RETURN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
        'stage', 'calibrate',
        'inputs', jsonb_build_object('raw', jsonb_build_array(o.uri)) || inputs,
        'outputs', jsonb_build_object('image', format('calibrated/%s.fits', o.observation_id)),
        'params', sky.frame_params(o.payload || jsonb_build_object('hdu', o.hdu), sky.find_instrument(o.instrument))
            || sky.stage_params(o, payload, 'calibrate'))));
END $$;
COMMENT ON FUNCTION sky.plan_preprocessing(bigint, bigint, jsonb) IS 'steps of a preprocessing job';
