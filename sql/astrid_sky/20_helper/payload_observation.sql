-- Payloads name the observation by number; by hand the uri is enough.
CREATE FUNCTION sky.payload_observation(payload jsonb) RETURNS sky.observations
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o sky.observations;
BEGIN
    IF payload ? 'observation_id' THEN
        SELECT * INTO o FROM sky.observations s
        WHERE s.observation_id = sky.integer_field(payload_observation.payload, 'observation_id', 'payload', true);
    ELSE
        SELECT * INTO o FROM sky.observations s
        WHERE s.uri = payload_observation.payload ->> 'uri'
          AND s.hdu = COALESCE(sky.integer_field(payload_observation.payload, 'hdu', 'payload'), s.hdu)
        ORDER BY s.observation_id DESC LIMIT 1;
    END IF;
    IF o.observation_id IS NULL THEN
        PERFORM sky.refuse(format('no observation %s', COALESCE(payload ->> 'observation_id', payload ->> 'uri', 'named')),
                           NULL, 'Enqueue the file on observation_ingestion first.');
    END IF;
    RETURN o;
END $$;
COMMENT ON FUNCTION sky.payload_observation(jsonb) IS 'the observation that a payload names by observation_id or by uri';
