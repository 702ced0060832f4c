-- What ingest and calibrate share: both read the raw frame.
CREATE FUNCTION sky.frame_params(payload jsonb, i sky.instruments) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'hdu', payload -> 'hdu', 'plane', payload -> 'plane', 'ra', payload -> 'ra', 'dec', payload -> 'dec',
        'pixel_scale', COALESCE(payload -> 'pixel_scale', i.orientation -> 'pixel_scale'),
        'rotation', COALESCE(payload -> 'rotation', i.orientation -> 'rotation'),
        'parity', COALESCE(payload -> 'parity', i.orientation -> 'parity'),
        'instrument', CASE WHEN i.name IS NOT NULL THEN to_jsonb(i) - '{aliases,params,orientation,updated_at}'::text[] END))
$$;
COMMENT ON FUNCTION sky.frame_params(jsonb, sky.instruments) IS 'parameters of the stages that read raw frames: which image, approximate WCS, the instrument''s row';
