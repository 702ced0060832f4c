-- Raw frames again, so the parameters are those of calibrate, less the position on the sky.
CREATE FUNCTION sky.combine_step(o sky.observations, payload jsonb, kind text, inputs jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('stage', 'combine', 'inputs', inputs - 'flat',
        'outputs', jsonb_build_object('master', format('master/%s-%s.fits', kind, o.observation_id)),
        'params', jsonb_build_object('kind', kind)
            || sky.frame_params(o.payload || jsonb_build_object('hdu', o.hdu), sky.find_instrument(o.instrument))
               - '{ra,dec,pixel_scale,rotation,parity}'::text[]
            || sky.stage_params(o, payload, 'combine'))
$$;
COMMENT ON FUNCTION sky.combine_step(sky.observations, jsonb, text, jsonb) IS 'the step that combines single frames into a master';
