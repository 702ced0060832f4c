-- Parameters of a stage: the instrument's, overridden by the user's at ingestion, overridden by the job's own.
CREATE FUNCTION sky.stage_params(o sky.observations, payload jsonb, stage text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT i.params -> stage FROM sky.instruments i WHERE i.name = o.instrument), '{}')
        || COALESCE(o.payload -> 'params' -> stage, '{}')
        || COALESCE(payload -> 'params' -> stage, '{}')
$$;
COMMENT ON FUNCTION sky.stage_params(sky.observations, jsonb, text) IS 'parameters of a stage for an observation: instrument, then ingestion payload, then job payload';
