-- Two steps: align the reference to the science image, subtract.
CREATE FUNCTION sky.plan_differencing(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o         sky.observations := sky.payload_observation(payload);
    science   sky.images := sky.latest_image(o.observation_id, 'calibrated');
    reference sky.images;
    name      text := o.observation_id || '.fits';
BEGIN
    SELECT * INTO reference FROM sky.images i WHERE i.image_id = sky.find_reference(o, payload);
    IF reference.image_id IS NULL THEN
        PERFORM sky.refuse(format('no reference covers observation %s', o.observation_id),
            format('Band %s, instrument %s.', COALESCE(o.band, 'unknown'), COALESCE(o.instrument, 'unknown')),
            'Ingest one with "kind": "reference", or make one with coadd, or call sky.use_reference().');
    END IF;
    PERFORM sky.keep_choice(plan_differencing.job_id, plan_differencing.lease_id,
        jsonb_build_object('reference', reference.image_id, 'science', science.image_id));
    RETURN jsonb_build_object('steps', jsonb_build_array(
        jsonb_build_object('stage', 'align',
            'inputs', jsonb_build_object('science', jsonb_build_array(science.uri), 'reference', jsonb_build_array(reference.uri)),
            'outputs', jsonb_build_object('aligned', 'aligned/' || name),
            'params', sky.stage_params(o, payload, 'align')),
        jsonb_build_object('stage', 'difference',
            'inputs', jsonb_build_object('science', jsonb_build_array(science.uri), 'reference', '["@0.aligned"]'::jsonb),
            'outputs', jsonb_build_object('difference', 'difference/' || name, 'score', 'score/' || name),
            'params', sky.stage_params(o, payload, 'difference'))));
END $$;
COMMENT ON FUNCTION sky.plan_differencing(bigint, bigint, jsonb) IS 'steps of a differencing job';
