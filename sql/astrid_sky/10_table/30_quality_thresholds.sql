-- The gate: numbers of a stage's result that must lie in a range, else the frame is refused (sky.gate).
CREATE TABLE sky.quality_thresholds (
    threshold_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stage        text NOT NULL,
    metric       text NOT NULL,
    minimum      float8,
    maximum      float8,
    required     boolean NOT NULL DEFAULT false,
    instrument   text,
    band         text,
    enabled      boolean NOT NULL DEFAULT true,
    description  text,
    CHECK (minimum <= maximum)
);
CREATE UNIQUE INDEX quality_thresholds_rule ON sky.quality_thresholds
    (stage, metric, (COALESCE(instrument, '')), (COALESCE(band, '')));
COMMENT ON TABLE sky.quality_thresholds IS 'ranges that a frame''s quality numbers must lie in; edited by the user';
COMMENT ON COLUMN sky.quality_thresholds.threshold_id IS 'number of the rule';
COMMENT ON COLUMN sky.quality_thresholds.stage IS 'stage whose result is looked at: ingest, calibrate, align, difference, detect; curation: a detection''s own columns';
COMMENT ON COLUMN sky.quality_thresholds.metric IS 'field of that result';
COMMENT ON COLUMN sky.quality_thresholds.minimum IS 'smallest value that passes; null: no bound';
COMMENT ON COLUMN sky.quality_thresholds.maximum IS 'largest value that passes; null: no bound';
COMMENT ON COLUMN sky.quality_thresholds.required IS 'true: a frame without the number is refused; false: it passes';
COMMENT ON COLUMN sky.quality_thresholds.instrument IS 'only for this instrument; null: for all';
COMMENT ON COLUMN sky.quality_thresholds.band IS 'only for this band; null: for all';
COMMENT ON COLUMN sky.quality_thresholds.enabled IS 'false: the rule rests';
COMMENT ON COLUMN sky.quality_thresholds.description IS 'why the bound is where it is, with unit';
SELECT pg_catalog.pg_extension_config_dump('sky.quality_thresholds', '');
SELECT pg_catalog.pg_extension_config_dump('sky.quality_thresholds_threshold_id_seq', '');
