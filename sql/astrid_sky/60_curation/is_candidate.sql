-- The thresholds of stage "curation" look at the detection's own columns; only those listed here.
CREATE FUNCTION sky.is_candidate(d sky.detections, o sky.observations) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM sky.quality_thresholds t, LATERAL (SELECT (to_jsonb(d) ->> t.metric)::float8) AS v (value)
        WHERE t.stage = 'curation' AND t.enabled
          AND t.metric IN ('snr', 'score', 'fwhm', 'ellipticity', 'mag', 'flux', 'flux_njy')
          AND (t.instrument IS NULL OR t.instrument = o.instrument) AND (t.band IS NULL OR t.band = o.band)
          AND (v.value < t.minimum OR v.value > t.maximum OR (v.value IS NULL AND t.required)))
$$;
COMMENT ON FUNCTION sky.is_candidate(sky.detections, sky.observations) IS 'does a detection pass the thresholds of stage curation?';
