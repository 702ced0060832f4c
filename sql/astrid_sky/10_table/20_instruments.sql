-- What headers call things, instrument by instrument. The user edits this table; no row is needed for frames whose
-- headers say everything in the usual words.
CREATE TABLE sky.instruments (
    name        text PRIMARY KEY,
    aliases     text[] NOT NULL DEFAULT '{}',
    keywords    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(keywords) = 'object'),
    kind_map    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(kind_map) = 'object'),
    band_map    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(band_map) = 'object'),
    gain        float8 CHECK (gain > 0),
    read_noise  float8 CHECK (read_noise >= 0),
    saturation  float8 CHECK (saturation > 0),
    overscan    text,
    trim        text,
    orientation jsonb CHECK (jsonb_typeof(orientation) = 'object'),
    lit_area    jsonb,
    params      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object'),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE sky.instruments IS 'what headers call things, by instrument; edited by the user';
COMMENT ON COLUMN sky.instruments.name IS 'name used in observations; INSTRUME is compared with it and with aliases, case ignored';
COMMENT ON COLUMN sky.instruments.aliases IS 'other values of INSTRUME that mean this instrument';
COMMENT ON COLUMN sky.instruments.keywords IS 'concept -> header keyword, for example {"exptime": "EXPOSURE", "filter": "FILTER1"}';
COMMENT ON COLUMN sky.instruments.kind_map IS 'value of IMAGETYP -> science, reference, bias, dark, flat or bpm';
COMMENT ON COLUMN sky.instruments.band_map IS 'value of the filter keyword -> short band name, for example {"SDSS-R": "r"}';
COMMENT ON COLUMN sky.instruments.gain IS 'electron per ADU; overrides the header';
COMMENT ON COLUMN sky.instruments.read_noise IS 'electron; overrides the header';
COMMENT ON COLUMN sky.instruments.saturation IS 'ADU at which a pixel counts as saturated; overrides the header';
COMMENT ON COLUMN sky.instruments.overscan IS 'FITS section of the overscan, for example [1:32,1:2048]';
COMMENT ON COLUMN sky.instruments.trim IS 'FITS section that is kept';
COMMENT ON COLUMN sky.instruments.orientation IS 'for frames without a WCS: {"pixel_scale": arcsec, "rotation": deg, "parity": 1 or -1}';
COMMENT ON COLUMN sky.instruments.lit_area IS 'part of the detector that receives light, as the parameter of calibrate';
COMMENT ON COLUMN sky.instruments.params IS 'stage -> parameters for it, for example {"difference": {"algorithm": "zogy"}}';
COMMENT ON COLUMN sky.instruments.updated_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.instruments', '');
