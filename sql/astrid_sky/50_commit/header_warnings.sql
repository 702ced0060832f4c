-- What the header did not say in words we know, each with the statement that teaches them.
CREATE FUNCTION sky.header_warnings(o sky.observations, i sky.instruments, result jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT array_agg(t) FROM jsonb_array_elements_text(
                         CASE WHEN jsonb_typeof(result -> 'warnings') = 'array' THEN result -> 'warnings' ELSE '[]' END) AS t), '{}')
        || COALESCE((SELECT array_agg(format('no %s found in the header: %s', missing.name,
                 sky.teach_statement(i, o.instrument, 'keywords', jsonb_build_object(missing.name, 'KEYWORD'))))
             FROM (VALUES ('date_obs', o.mjd_mid_tai::text), ('exptime', o.exptime::text), ('filter', o.band)) AS missing (name, value)
             WHERE missing.value IS NULL AND o.kind IN ('science', 'reference')), '{}')
$$;
COMMENT ON FUNCTION sky.header_warnings(sky.observations, sky.instruments, jsonb) IS 'what is odd about a header, with the row to add to sky.instruments';
