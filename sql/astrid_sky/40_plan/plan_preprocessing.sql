-- calibrate, with the calibration frames that are there, after a combine for each master that is wanting. While
-- calibration frames are just being ingested the job steps aside (snooze): sky.ingest() puts them before all others, so
-- that those running are all that can still be missing. The empty plan then ends at sky.commit, which finds the lease gone.
CREATE FUNCTION sky.plan_preprocessing(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o sky.observations := sky.payload_observation(payload);
    c record;
BEGIN
    IF sky.calibration_in_work() THEN
        PERFORM astrid.snooze(plan_preprocessing.job_id, plan_preprocessing.lease_id,
                              make_interval(secs => sky.setting_number('calibration_wait')));
        RETURN jsonb_build_object('steps', '[]'::jsonb, 'snoozed', 'calibration frames are being ingested');
    END IF;
    c := sky.plan_calibration(o, payload);
    PERFORM sky.keep_choice(plan_preprocessing.job_id, plan_preprocessing.lease_id, c.choice);
    RETURN jsonb_build_object('steps', c.steps || jsonb_build_object(
        'stage', 'calibrate',
        'inputs', jsonb_build_object('raw', jsonb_build_array(o.uri)) || c.inputs,
        'outputs', jsonb_build_object('image', format('calibrated/%s.fits', o.observation_id)),
        'params', sky.frame_params(o.payload || jsonb_build_object('hdu', o.hdu), sky.find_instrument(o.instrument))
            || sky.stage_params(o, payload, 'calibrate')));
END $$;
COMMENT ON FUNCTION sky.plan_preprocessing(bigint, bigint, jsonb) IS 'steps of a preprocessing job';
