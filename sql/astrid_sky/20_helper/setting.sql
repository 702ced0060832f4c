-- Defaults live here and are copied into sky.settings by install_defaults(): an empty table is a working one.
CREATE FUNCTION sky.default_settings(OUT name text, OUT value jsonb, OUT description text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 AS $$
    VALUES
    ('association_radius', '1.0'::jsonb, 'arcsec; a detection nearer than this to an object belongs to it'),
    ('minimum_overlap', '0.2', 'fraction of a science frame that a reference must cover'),
    ('auto_accept_snr', '10', 'a candidate of at least this S/N is confirmed by rule; null: people decide'),
    ('auto_accept_score', 'null', 'and of at least this real/bogus score; null: the score is not asked for'),
    ('calibration_frames', '25', 'single bias, dark or flat frames that are combined at most, the nearest in time'),
    ('calibration_wait', '1', 's; how long preprocessing steps aside while calibration frames are being ingested')
$$;
COMMENT ON FUNCTION sky.default_settings() IS 'every setting with its default';

CREATE FUNCTION sky.setting(name text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE((SELECT s.value FROM sky.settings s WHERE s.name = setting.name),
                    (SELECT d.value FROM sky.default_settings() d WHERE d.name = setting.name))
$$;
COMMENT ON FUNCTION sky.setting(text) IS 'value of a setting: the row in sky.settings, else the default';

CREATE FUNCTION sky.setting_number(name text) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (NULLIF(sky.setting(setting_number.name), 'null') #>> '{}')::float8
$$;
COMMENT ON FUNCTION sky.setting_number(text) IS 'value of a setting as a number; null where the setting is a JSON null';
