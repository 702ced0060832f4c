-- Every file that a committed job left. A reference is an image of kind reference; it has the file of a calibrated
-- image or of a coadd.
CREATE TABLE sky.images (
    image_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    observation_id bigint NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('raw', 'calibrated', 'reference', 'aligned', 'difference', 'score', 'detections')),
    uri            text NOT NULL,
    hdu            int CHECK (hdu >= 0),
    sha256         text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes          bigint CHECK (bytes >= 0),
    width          int,
    height         int,
    instrument     text,
    object         text,
    band           text,
    mjd_mid_tai    float8,
    ra             float8 CHECK (ra >= 0 AND ra < 360),
    dec            float8 CHECK (dec BETWEEN -90 AND 90),
    radius         float8,
    footprint      float8[],
    fwhm           float8,
    ellipticity    float8,
    sky_level      float8,
    sky_rms        float8,
    n_sources      int,
    zero_point     float8,
    m5             float8,
    quality        jsonb NOT NULL DEFAULT '{}',
    made_from      jsonb,
    retired_at     timestamptz,
    job_id         bigint,
    lease_id       bigint,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX images_observation ON sky.images (observation_id, kind);
CREATE INDEX images_uri ON sky.images (uri);
CREATE INDEX images_reference ON sky.images (@extschema@.q3c_ang2ipix(ra, dec))
    WHERE kind = 'reference' AND retired_at IS NULL;
CREATE INDEX images_reference_radius ON sky.images (radius) WHERE kind = 'reference' AND retired_at IS NULL;
CREATE UNIQUE INDEX images_reference_uri ON sky.images (uri) WHERE kind = 'reference' AND retired_at IS NULL;
COMMENT ON TABLE sky.images IS 'files of the pipeline: raw, calibrated, reference, aligned, difference, score, detection tables';
COMMENT ON COLUMN sky.images.image_id IS 'number of the image';
COMMENT ON COLUMN sky.images.observation_id IS 'observation it was made from';
COMMENT ON COLUMN sky.images.kind IS 'raw, calibrated, reference, aligned, difference, score or detections';
COMMENT ON COLUMN sky.images.uri IS 'where the file is';
COMMENT ON COLUMN sky.images.hdu IS 'HDU of the image, 0-based; null: the file''s first';
COMMENT ON COLUMN sky.images.sha256 IS 'SHA-256 of the file, hexadecimal';
COMMENT ON COLUMN sky.images.bytes IS 'size of the file';
COMMENT ON COLUMN sky.images.width IS 'pixels along x';
COMMENT ON COLUMN sky.images.height IS 'pixels along y';
COMMENT ON COLUMN sky.images.instrument IS 'instrument of the observation';
COMMENT ON COLUMN sky.images.object IS 'target of the observation';
COMMENT ON COLUMN sky.images.band IS 'band of the observation';
COMMENT ON COLUMN sky.images.mjd_mid_tai IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.images.ra IS 'centre, deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.images.dec IS 'centre, deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.images.radius IS 'distance from the centre to the farthest corner, deg';
COMMENT ON COLUMN sky.images.footprint IS 'corners, {ra, dec, ra, dec, ...} in deg, as q3c_in_poly takes them';
COMMENT ON COLUMN sky.images.fwhm IS 'seeing, px';
COMMENT ON COLUMN sky.images.ellipticity IS 'median ellipticity of the stars, 1 - b/a';
COMMENT ON COLUMN sky.images.sky_level IS 'median background, in the unit of the image';
COMMENT ON COLUMN sky.images.sky_rms IS 'noise of the background, in the unit of the image';
COMMENT ON COLUMN sky.images.n_sources IS 'number of sources found';
COMMENT ON COLUMN sky.images.zero_point IS 'AB magnitude of one unit of flux; null: not photometrically calibrated';
COMMENT ON COLUMN sky.images.m5 IS '5 sigma limiting magnitude of a point source';
COMMENT ON COLUMN sky.images.quality IS 'all numbers that the stage told';
COMMENT ON COLUMN sky.images.made_from IS 'what it rests on: {"reference": image_id} or {"bias": [calibration_id, ...], ...}';
COMMENT ON COLUMN sky.images.retired_at IS 'since when a reference is no longer used; null: in use';
COMMENT ON COLUMN sky.images.job_id IS 'job that wrote the row';
COMMENT ON COLUMN sky.images.lease_id IS 'lease under which the row was written';
COMMENT ON COLUMN sky.images.created_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.images', '');
SELECT pg_catalog.pg_extension_config_dump('sky.images_image_id_seq', '');
