-- One step: detect, on the observation's difference.
CREATE FUNCTION sky.plan_detection(payload jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o      sky.observations := sky.payload_observation(payload);
    inputs jsonb;
BEGIN
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'difference', jsonb_build_array(i.uri), 'science', jsonb_build_array(s.uri),
               'reference', jsonb_build_array(a.uri), 'score', CASE WHEN c.uri IS NOT NULL THEN jsonb_build_array(c.uri) END))
    INTO inputs
    FROM sky.differences d
    JOIN sky.images i ON i.image_id = d.image_id
    JOIN sky.images s ON s.image_id = d.science_id
    JOIN sky.images a ON a.image_id = d.aligned_id
    LEFT JOIN sky.images c ON c.image_id = d.score_id
    WHERE d.observation_id = o.observation_id;
    IF inputs IS NULL THEN
        PERFORM sky.refuse(format('observation %s has no difference', o.observation_id), NULL, 'Enqueue it on differencing first.');
    END IF;
    RETURN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
        'stage', 'detect', 'inputs', inputs,
        'outputs', jsonb_build_object('detections', format('detections/%s.fits', o.observation_id),
                                      'cutouts', format('cutouts/%s.fits', o.observation_id)),
        'params', sky.stage_params(o, payload, 'detect'))));
END $$;
COMMENT ON FUNCTION sky.plan_detection(jsonb) IS 'steps of a detection job';
