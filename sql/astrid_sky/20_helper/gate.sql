-- The quality gate. Every failed rule is told with its numbers, in one error.
CREATE FUNCTION sky.gate(stage text, o sky.observations, result jsonb) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    failures text;
BEGIN
    SELECT string_agg(CASE
               WHEN v.value IS NULL THEN format('%s is not known', t.metric)
               WHEN v.value < t.minimum THEN format('%s = %s is below %s', t.metric, v.value, t.minimum)
               ELSE format('%s = %s is above %s', t.metric, v.value, t.maximum) END, '; ' ORDER BY t.metric)
    INTO failures
    FROM sky.quality_thresholds t,
         LATERAL (SELECT sky.number_field(result, t.metric, gate.stage)) AS v (value)
    WHERE t.stage = gate.stage AND t.enabled
      AND (t.instrument IS NULL OR t.instrument = o.instrument)
      AND (t.band IS NULL OR t.band = o.band)
      AND (v.value < t.minimum OR v.value > t.maximum OR (v.value IS NULL AND t.required));
    IF failures IS NOT NULL THEN
        PERFORM sky.refuse(format('quality gate of %s: %s', stage, failures),
            format('File %s, instrument %s, band %s.', o.uri, COALESCE(o.instrument, 'unknown'), COALESCE(o.band, 'unknown')),
            'The bounds are in sky.quality_thresholds; what headers call things is in sky.instruments.');
    END IF;
END $$;
COMMENT ON FUNCTION sky.gate(text, sky.observations, jsonb) IS 'refuses a frame whose numbers break an enabled row of sky.quality_thresholds';
