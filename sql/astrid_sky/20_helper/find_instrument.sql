-- Headers spell instruments as they like; the row's own name goes before other rows' aliases.
CREATE FUNCTION sky.find_instrument(header_name text) RETURNS sky.instruments
LANGUAGE sql STABLE AS $$
    SELECT i.* FROM sky.instruments i
    WHERE lower(header_name) = lower(i.name)
       OR lower(header_name) IN (SELECT lower(a) FROM unnest(i.aliases) AS a)
    ORDER BY lower(header_name) = lower(i.name) DESC, i.name LIMIT 1
$$;
COMMENT ON FUNCTION sky.find_instrument(text) IS 'the row of sky.instruments for an INSTRUME value, by name or alias, case ignored';
