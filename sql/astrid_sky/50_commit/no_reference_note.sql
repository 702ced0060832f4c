-- Says what to do, for sky.observation_status.
CREATE FUNCTION sky.no_reference_note(o sky.observations) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('no reference for this sky in band %s: ingest one with "kind": "reference", or make one with coadd from the '
                  'best frames, or call sky.use_reference(observation_id); it then goes on by itself', COALESCE(o.band, 'unknown'))
$$;
COMMENT ON FUNCTION sky.no_reference_note(sky.observations) IS 'what an observation that waits for a reference says';
