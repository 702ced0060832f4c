-- An empty table works: the default stands in.
CREATE FUNCTION sky.setting(name text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE((SELECT s.value FROM sky.settings s WHERE s.name = setting.name),
                    (SELECT d.value FROM sky.default_settings() d WHERE d.name = setting.name))
$$;
COMMENT ON FUNCTION sky.setting(text) IS 'value of a setting: the row in sky.settings, else the default';
