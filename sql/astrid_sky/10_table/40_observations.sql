-- One row per exposure: per image HDU of a file. The same bytes twice are one observation.
CREATE TABLE sky.observations (
    observation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri            text NOT NULL,
    hdu            int NOT NULL CHECK (hdu >= 0),
    sha256         text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes          bigint CHECK (bytes >= 0),
    kind           text NOT NULL CHECK (kind IN ('science', 'reference', 'bias', 'dark', 'flat', 'bpm')),
    instrument     text,
    object         text,
    imagetyp       text,
    band           text,
    filter         text,
    date_obs       text,
    mjd_mid_tai    float8,
    exptime        float8,
    gain           float8,
    read_noise     float8,
    saturation     float8,
    bunit          text,
    width          int NOT NULL CHECK (width > 0),
    height         int NOT NULL CHECK (height > 0),
    ra             float8 CHECK (ra >= 0 AND ra < 360),
    dec            float8 CHECK (dec BETWEEN -90 AND 90),
    radius         float8 CHECK (radius >= 0),
    footprint      float8[],
    pixel_scale    float8,
    wcs_approx     boolean NOT NULL DEFAULT false,
    ingest         jsonb NOT NULL DEFAULT '{}',
    payload        jsonb NOT NULL DEFAULT '{}',
    warnings       text[] NOT NULL DEFAULT '{}',
    stage          text NOT NULL DEFAULT 'observation_ingestion',
    next_job_id    bigint,
    note           text,
    job_id         bigint NOT NULL,
    lease_id       bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    UNIQUE (sha256, hdu)
);
CREATE INDEX observations_uri ON sky.observations (uri);
CREATE INDEX observations_mjd ON sky.observations (mjd_mid_tai);
CREATE INDEX observations_sky ON sky.observations (@extschema@.q3c_ang2ipix(ra, dec));
-- Science frames that stopped for want of a reference: looked up whenever one arrives.
CREATE INDEX observations_waiting ON sky.observations (observation_id)
    WHERE kind = 'science' AND stage = 'preprocessing' AND next_job_id IS NULL;
COMMENT ON TABLE sky.observations IS 'one row per exposure (image HDU of a file), unique by content';
COMMENT ON COLUMN sky.observations.observation_id IS 'number of the observation';
COMMENT ON COLUMN sky.observations.uri IS 'the file as it was first handed in';
COMMENT ON COLUMN sky.observations.hdu IS 'HDU of the image, 0-based';
COMMENT ON COLUMN sky.observations.sha256 IS 'SHA-256 of the file, hexadecimal';
COMMENT ON COLUMN sky.observations.bytes IS 'size of the file';
COMMENT ON COLUMN sky.observations.kind IS 'science, reference, bias, dark, flat or bpm';
COMMENT ON COLUMN sky.observations.instrument IS 'name in sky.instruments, or the header''s INSTRUME where no row matches';
COMMENT ON COLUMN sky.observations.object IS 'name of the target, from the header';
COMMENT ON COLUMN sky.observations.imagetyp IS 'kind of frame in the header''s own words';
COMMENT ON COLUMN sky.observations.band IS 'short band name; see sky.instruments.band_map';
COMMENT ON COLUMN sky.observations.filter IS 'filter in the header''s own words';
COMMENT ON COLUMN sky.observations.date_obs IS 'date in the header''s own words';
COMMENT ON COLUMN sky.observations.mjd_mid_tai IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.observations.exptime IS 'exposure time, s';
COMMENT ON COLUMN sky.observations.gain IS 'electron per ADU: the instrument''s row, else the header';
COMMENT ON COLUMN sky.observations.read_noise IS 'electron: the instrument''s row, else the header';
COMMENT ON COLUMN sky.observations.saturation IS 'ADU: the instrument''s row, else the header';
COMMENT ON COLUMN sky.observations.bunit IS 'unit of the pixels, from the header';
COMMENT ON COLUMN sky.observations.width IS 'NAXIS1';
COMMENT ON COLUMN sky.observations.height IS 'NAXIS2';
COMMENT ON COLUMN sky.observations.ra IS 'centre of the field, deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.observations.dec IS 'centre of the field, deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.observations.radius IS 'distance from the centre to the farthest corner, deg';
COMMENT ON COLUMN sky.observations.footprint IS 'corners of the field, {ra, dec, ra, dec, ...} in deg, as q3c_in_poly takes them';
COMMENT ON COLUMN sky.observations.pixel_scale IS 'arcsec per pixel';
COMMENT ON COLUMN sky.observations.wcs_approx IS 'true: the WCS was given by hand, not read';
COMMENT ON COLUMN sky.observations.ingest IS 'all that the ingest stage told';
COMMENT ON COLUMN sky.observations.payload IS 'payload of the ingestion job, kept for the later stages';
COMMENT ON COLUMN sky.observations.warnings IS 'what was odd about the header, with the row to add to sky.instruments';
COMMENT ON COLUMN sky.observations.stage IS 'queue that was finished last';
COMMENT ON COLUMN sky.observations.next_job_id IS 'job that carries on; null: nothing does, note says why';
COMMENT ON COLUMN sky.observations.note IS 'why it stopped where it is';
COMMENT ON COLUMN sky.observations.job_id IS 'job that wrote the row';
COMMENT ON COLUMN sky.observations.lease_id IS 'lease under which the row was written';
COMMENT ON COLUMN sky.observations.created_at IS 'when the row was written first';
COMMENT ON COLUMN sky.observations.updated_at IS 'when the row was written last';
SELECT pg_catalog.pg_extension_config_dump('sky.observations', '');
SELECT pg_catalog.pg_extension_config_dump('sky.observations_observation_id_seq', '');
