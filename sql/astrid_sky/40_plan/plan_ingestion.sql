-- One step: ingest. The header's words come from the instrument, where the payload names it; else the stage tries the
-- usual ones and every mapping that is in the table.
CREATE FUNCTION sky.plan_ingestion(payload jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    uri  text := sky.text_field(payload, 'uri', 'payload', true);
    words jsonb;
BEGIN
    IF payload ? 'instrument' THEN
        words := (sky.find_instrument(sky.text_field(payload, 'instrument', 'payload'))).keywords;
    END IF;
    RETURN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
        'stage', 'ingest', 'inputs', jsonb_build_object('image', jsonb_build_array(uri)), 'outputs', '{}'::jsonb,
        'params', jsonb_strip_nulls(jsonb_build_object(
            'hdu', payload -> 'hdu', 'plane', payload -> 'plane', 'ra', payload -> 'ra', 'dec', payload -> 'dec',
            'pixel_scale', payload -> 'pixel_scale', 'rotation', payload -> 'rotation', 'parity', payload -> 'parity',
            'keywords', NULLIF(words, '{}')))
        || COALESCE(payload -> 'params' -> 'ingest', '{}'))));
END $$;
COMMENT ON FUNCTION sky.plan_ingestion(jsonb) IS 'steps of an observation_ingestion job';
