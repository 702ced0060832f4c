-- Real/bogus models that gave the scores of detections. Nothing here trains them.
CREATE TABLE sky.models (
    model_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    version    int NOT NULL CHECK (version > 0),
    uri        text NOT NULL,
    sha256     text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    metrics    jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    UNIQUE (name, version)
);
COMMENT ON TABLE sky.models IS 'real/bogus models by name and version';
COMMENT ON COLUMN sky.models.model_id IS 'number of the model';
COMMENT ON COLUMN sky.models.name IS 'name of the model';
COMMENT ON COLUMN sky.models.version IS 'version, from 1';
COMMENT ON COLUMN sky.models.uri IS 'where the file is';
COMMENT ON COLUMN sky.models.sha256 IS 'SHA-256 of the file, hexadecimal';
COMMENT ON COLUMN sky.models.metrics IS 'how it did when it was tested';
COMMENT ON COLUMN sky.models.created_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.models', '');
SELECT pg_catalog.pg_extension_config_dump('sky.models_model_id_seq', '');
