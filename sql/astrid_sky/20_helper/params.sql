-- Parameters of a stage: the instrument's, overridden by the user's at ingestion, overridden by the job's own.
CREATE FUNCTION sky.stage_params(o sky.observations, payload jsonb, stage text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT i.params -> stage FROM sky.instruments i WHERE i.name = o.instrument), '{}')
        || COALESCE(o.payload -> 'params' -> stage, '{}')
        || COALESCE(payload -> 'params' -> stage, '{}')
$$;
COMMENT ON FUNCTION sky.stage_params(sky.observations, jsonb, text) IS 'parameters of a stage for an observation: instrument, then ingestion payload, then job payload';

CREATE FUNCTION sky.find_instrument(header_name text) RETURNS sky.instruments
LANGUAGE sql STABLE AS $$
    SELECT i.* FROM sky.instruments i
    WHERE lower(header_name) = lower(i.name)
       OR lower(header_name) IN (SELECT lower(a) FROM unnest(i.aliases) AS a)
    ORDER BY lower(header_name) = lower(i.name) DESC, i.name LIMIT 1
$$;
COMMENT ON FUNCTION sky.find_instrument(text) IS 'the row of sky.instruments for an INSTRUME value, by name or alias, case ignored';
