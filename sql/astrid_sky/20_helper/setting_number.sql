-- A JSON null in the table is a value ("off"), not the lack of one: it gives null, not the default.
CREATE FUNCTION sky.setting_number(name text) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (NULLIF(sky.setting(setting_number.name), 'null') #>> '{}')::float8
$$;
COMMENT ON FUNCTION sky.setting_number(text) IS 'value of a setting as a number; null where the setting is a JSON null';
