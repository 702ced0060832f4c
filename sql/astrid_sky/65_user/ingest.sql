-- The friendly way in: the payload by arguments, and calibration frames before references before science.
CREATE FUNCTION sky.ingest(uri text, kind text DEFAULT NULL, more jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kind IS NOT NULL AND kind NOT IN ('science', 'reference', 'bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.refuse(format('kind of frame "%s" is not known', kind), 'Known are science, reference, bias, dark, flat and bpm.');
    END IF;
    RETURN astrid.enqueue('observation_ingestion',
        COALESCE(more, '{}') || jsonb_strip_nulls(jsonb_build_object('uri', ingest.uri, 'kind', ingest.kind)),
        priority => CASE WHEN kind IN ('bias', 'dark', 'flat', 'bpm') THEN -20 WHEN kind = 'reference' THEN -10 ELSE 0 END);
END $$;
COMMENT ON FUNCTION sky.ingest(text, text, jsonb) IS 'enqueues a file on observation_ingestion, calibration frames and references first; its job_id';
