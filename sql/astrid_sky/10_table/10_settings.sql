-- Numbers that the user may turn. sky.setting() knows the defaults, so an empty table works.
CREATE TABLE sky.settings (
    name        text PRIMARY KEY,
    value       jsonb NOT NULL,
    description text,
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE sky.settings IS 'numbers the user may turn; filled by sky.install_defaults()';
COMMENT ON COLUMN sky.settings.name IS 'name of the setting';
COMMENT ON COLUMN sky.settings.value IS 'its value; a JSON null switches the rule off where the description says so';
COMMENT ON COLUMN sky.settings.description IS 'what it does, with unit';
COMMENT ON COLUMN sky.settings.updated_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.settings', '');
