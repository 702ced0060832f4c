-- SPDX-License-Identifier: PostgreSQL
-- Why: stops psql from running the script by hand, and stops an installation that could not find q3c.
\echo Use "CREATE EXTENSION astrid_sky" to load this file. \quit

-- Function bodies name q3c's functions through the extension's own schema: the two must be the same one. (PostgreSQL
-- 15 has no way to name another extension's schema in a script.)
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension e
                   WHERE e.extname = 'q3c' AND e.extnamespace = '@extschema@'::pg_catalog.regnamespace) THEN
        RAISE EXCEPTION 'astrid_sky must be created in the schema of q3c'
            USING ERRCODE = 'QJ006', HINT = (
                SELECT format('Use CREATE EXTENSION astrid_sky SCHEMA %I.', n.nspname)
                FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                WHERE e.extname = 'q3c');
    END IF;
END $$;

-- No foreign keys below: the tables' data is dumped, the constraints come back with CREATE EXTENSION before it, and
-- pg_restore -j fills tables in any order. Functions are the only writers, and they see to it.
CREATE SCHEMA sky;
COMMENT ON SCHEMA sky IS 'observations, images, detections and objects of a transient survey (extension astrid_sky)';
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
-- Bias, dark, flat and bad pixel frames: single ones as they were ingested, masters as combine made them.
CREATE TABLE sky.calibration_frames (
    calibration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    observation_id bigint,
    kind           text NOT NULL CHECK (kind IN ('bias', 'dark', 'flat', 'bpm')),
    is_master      boolean NOT NULL DEFAULT false,
    made_from      bigint[],
    uri            text NOT NULL,
    hdu            int NOT NULL DEFAULT 0,
    sha256         text,
    instrument     text,
    band           text,
    exptime        float8,
    binning        text,
    width          int NOT NULL,
    height         int NOT NULL,
    mjd_mid_tai    float8,
    enabled        boolean NOT NULL DEFAULT true,
    job_id         bigint NOT NULL,
    lease_id       bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CHECK (is_master = (made_from IS NOT NULL) OR observation_id IS NOT NULL)
);
CREATE UNIQUE INDEX calibration_frames_observation ON sky.calibration_frames (observation_id);
CREATE UNIQUE INDEX calibration_frames_made_from ON sky.calibration_frames (kind, made_from) WHERE is_master;
CREATE INDEX calibration_frames_match ON sky.calibration_frames (kind, instrument, width, height);
COMMENT ON TABLE sky.calibration_frames IS 'bias, dark, flat and bad pixel frames, single and master';
COMMENT ON COLUMN sky.calibration_frames.calibration_id IS 'number of the frame';
COMMENT ON COLUMN sky.calibration_frames.observation_id IS 'observation it is; null for a master made here';
COMMENT ON COLUMN sky.calibration_frames.kind IS 'bias, dark, flat or bpm';
COMMENT ON COLUMN sky.calibration_frames.is_master IS 'true: a combination that is used alone';
COMMENT ON COLUMN sky.calibration_frames.made_from IS 'calibration_ids it was combined from, sorted';
COMMENT ON COLUMN sky.calibration_frames.uri IS 'where the file is';
COMMENT ON COLUMN sky.calibration_frames.hdu IS 'HDU of the image, 0-based';
COMMENT ON COLUMN sky.calibration_frames.sha256 IS 'SHA-256 of the file';
COMMENT ON COLUMN sky.calibration_frames.instrument IS 'instrument; must be that of the frame to be calibrated';
COMMENT ON COLUMN sky.calibration_frames.band IS 'band; must be that of the frame, for flats';
COMMENT ON COLUMN sky.calibration_frames.exptime IS 'exposure time, s; the nearest is used, for darks';
COMMENT ON COLUMN sky.calibration_frames.binning IS 'binning as the header tells; null: not told';
COMMENT ON COLUMN sky.calibration_frames.width IS 'NAXIS1; must be that of the frame';
COMMENT ON COLUMN sky.calibration_frames.height IS 'NAXIS2; must be that of the frame';
COMMENT ON COLUMN sky.calibration_frames.mjd_mid_tai IS 'middle of the exposure; the nearest are used';
COMMENT ON COLUMN sky.calibration_frames.enabled IS 'false: not used';
COMMENT ON COLUMN sky.calibration_frames.job_id IS 'job that wrote the row';
COMMENT ON COLUMN sky.calibration_frames.lease_id IS 'lease under which the row was written';
COMMENT ON COLUMN sky.calibration_frames.created_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.calibration_frames', '');
SELECT pg_catalog.pg_extension_config_dump('sky.calibration_frames_calibration_id_seq', '');
-- One row per observation that was subtracted; a second run replaces it.
CREATE TABLE sky.differences (
    difference_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    observation_id bigint NOT NULL UNIQUE,
    reference_id   bigint NOT NULL,
    science_id     bigint NOT NULL,
    aligned_id     bigint NOT NULL,
    image_id       bigint NOT NULL,
    score_id       bigint,
    algorithm      text,
    convolved      text,
    kernel_sum     float8,
    n_stamps       int,
    z_mad          float8,
    z_std          float8,
    used_fraction  float8,
    lag1           float8,
    n_match        int,
    residual_px    float8,
    fit_order      int,
    quality        jsonb NOT NULL DEFAULT '{}',
    job_id         bigint NOT NULL,
    lease_id       bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE sky.differences IS 'science minus reference, with the numbers that judge it';
COMMENT ON COLUMN sky.differences.difference_id IS 'number of the difference';
COMMENT ON COLUMN sky.differences.observation_id IS 'science observation';
COMMENT ON COLUMN sky.differences.reference_id IS 'image of kind reference';
COMMENT ON COLUMN sky.differences.science_id IS 'calibrated image';
COMMENT ON COLUMN sky.differences.aligned_id IS 'reference on the grid of the science image';
COMMENT ON COLUMN sky.differences.image_id IS 'difference image';
COMMENT ON COLUMN sky.differences.score_id IS 'S/N image';
COMMENT ON COLUMN sky.differences.algorithm IS 'algorithm that was used';
COMMENT ON COLUMN sky.differences.convolved IS 'side that was convolved';
COMMENT ON COLUMN sky.differences.kernel_sum IS 'flux ratio science over reference, from the kernel';
COMMENT ON COLUMN sky.differences.n_stamps IS 'stamps that the kernel or the PSF rests on';
COMMENT ON COLUMN sky.differences.z_mad IS 'scaled MAD of difference over noise; 1 is right';
COMMENT ON COLUMN sky.differences.z_std IS 'standard deviation of difference over noise; 1 is right';
COMMENT ON COLUMN sky.differences.used_fraction IS 'fraction of the overlap that is not masked';
COMMENT ON COLUMN sky.differences.lag1 IS 'correlation of neighbouring pixels of the difference';
COMMENT ON COLUMN sky.differences.n_match IS 'stars that the alignment rests on';
COMMENT ON COLUMN sky.differences.residual_px IS 'median radial residual of the alignment, px';
COMMENT ON COLUMN sky.differences.fit_order IS 'order of the fitted distortion';
COMMENT ON COLUMN sky.differences.quality IS 'all numbers that align and difference told';
COMMENT ON COLUMN sky.differences.job_id IS 'job that wrote the row';
COMMENT ON COLUMN sky.differences.lease_id IS 'lease under which the row was written';
COMMENT ON COLUMN sky.differences.created_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.differences', '');
SELECT pg_catalog.pg_extension_config_dump('sky.differences_difference_id_seq', '');
-- Things in the sky: detections of the same place over the nights (sky.associate).
CREATE TABLE sky.objects (
    object_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ra             float8 NOT NULL CHECK (ra >= 0 AND ra < 360),
    dec            float8 NOT NULL CHECK (dec BETWEEN -90 AND 90),
    n_detections   int NOT NULL DEFAULT 0,
    n_observations int NOT NULL DEFAULT 0,
    first_mjd_tai  float8,
    last_mjd_tai   float8,
    max_snr        float8,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX objects_sky ON sky.objects (@extschema@.q3c_ang2ipix(ra, dec));
COMMENT ON TABLE sky.objects IS 'detections of the same thing over the nights';
COMMENT ON COLUMN sky.objects.object_id IS 'number of the object';
COMMENT ON COLUMN sky.objects.ra IS 'mean of its unflagged detections weighted by S/N squared, deg, ICRS';
COMMENT ON COLUMN sky.objects.dec IS 'mean of its unflagged detections weighted by S/N squared, deg, ICRS';
COMMENT ON COLUMN sky.objects.n_detections IS 'number of its detections';
COMMENT ON COLUMN sky.objects.n_observations IS 'number of observations they are from';
COMMENT ON COLUMN sky.objects.first_mjd_tai IS 'earliest detection, MJD, TAI';
COMMENT ON COLUMN sky.objects.last_mjd_tai IS 'latest detection, MJD, TAI';
COMMENT ON COLUMN sky.objects.max_snr IS 'largest S/N of its detections';
COMMENT ON COLUMN sky.objects.created_at IS 'when the object was found';
COMMENT ON COLUMN sky.objects.updated_at IS 'when a detection was added or replaced';
SELECT pg_catalog.pg_extension_config_dump('sky.objects', '');
SELECT pg_catalog.pg_extension_config_dump('sky.objects_object_id_seq', '');
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
-- The result of the pipeline. A second run of an observation replaces its detections.
CREATE TABLE sky.detections (
    detection_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    observation_id bigint NOT NULL,
    difference_id  bigint NOT NULL,
    object_id      bigint,
    ra             float8 CHECK (ra >= 0 AND ra < 360),
    dec            float8 CHECK (dec BETWEEN -90 AND 90),
    x              float8 NOT NULL,
    y              float8 NOT NULL,
    mjd_mid_tai    float8,
    band           text,
    flux           float8 NOT NULL,
    flux_err       float8 NOT NULL CHECK (flux_err > 0),
    flux_unit      text,
    flux_njy       float8,
    flux_njy_err   float8,
    mag            float8,
    mag_err        float8,
    snr            float8 NOT NULL CHECK (snr >= 0),
    fwhm           float8,
    ellipticity    float8,
    score          float8,
    flags          bigint NOT NULL,
    ap_flux        float8,
    ap_flux_err    float8,
    sci_flux       float8,
    sci_flux_err   float8,
    ref_flux       float8,
    ref_flux_err   float8,
    cutouts        jsonb,
    job_id         bigint NOT NULL,
    lease_id       bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX detections_observation ON sky.detections (observation_id);
CREATE INDEX detections_object ON sky.detections (object_id, mjd_mid_tai);
CREATE INDEX detections_sky ON sky.detections (@extschema@.q3c_ang2ipix(ra, dec));
CREATE INDEX detections_mjd ON sky.detections (mjd_mid_tai);
COMMENT ON TABLE sky.detections IS 'sources found in difference images, both signs';
COMMENT ON COLUMN sky.detections.detection_id IS 'number of the detection';
COMMENT ON COLUMN sky.detections.observation_id IS 'science observation';
COMMENT ON COLUMN sky.detections.difference_id IS 'difference it was found in';
COMMENT ON COLUMN sky.detections.object_id IS 'object it belongs to; null without a WCS, and for flagged ones with no object near';
COMMENT ON COLUMN sky.detections.ra IS 'deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.detections.dec IS 'deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.detections.x IS 'position on the science grid, 0-based pixel centres';
COMMENT ON COLUMN sky.detections.y IS 'position on the science grid, 0-based pixel centres';
COMMENT ON COLUMN sky.detections.mjd_mid_tai IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.detections.band IS 'band of the observation';
COMMENT ON COLUMN sky.detections.flux IS 'PSF flux, signed, in flux_unit';
COMMENT ON COLUMN sky.detections.flux_err IS '1 sigma, in flux_unit';
COMMENT ON COLUMN sky.detections.flux_unit IS 'unit of flux: that of the science image';
COMMENT ON COLUMN sky.detections.flux_njy IS 'flux in nJy; null without a zero point';
COMMENT ON COLUMN sky.detections.flux_njy_err IS '1 sigma in nJy; null without a zero point';
COMMENT ON COLUMN sky.detections.mag IS 'AB; null without a zero point or where flux <= 0';
COMMENT ON COLUMN sky.detections.mag_err IS '1 sigma; null where mag is';
COMMENT ON COLUMN sky.detections.snr IS '|flux| / flux_err, calibrated on star-free sky';
COMMENT ON COLUMN sky.detections.fwhm IS 'full width at half maximum, px';
COMMENT ON COLUMN sky.detections.ellipticity IS '1 - b/a';
COMMENT ON COLUMN sky.detections.score IS 'real/bogus, 0 to 1; null without a model';
COMMENT ON COLUMN sky.detections.flags IS '0: clean; bits as named by the detect stage';
COMMENT ON COLUMN sky.detections.ap_flux IS 'aperture flux, in flux_unit';
COMMENT ON COLUMN sky.detections.ap_flux_err IS '1 sigma of ap_flux';
COMMENT ON COLUMN sky.detections.sci_flux IS 'flux at the place on the science image, in flux_unit';
COMMENT ON COLUMN sky.detections.sci_flux_err IS '1 sigma of sci_flux';
COMMENT ON COLUMN sky.detections.ref_flux IS 'flux at the place on the reference, in flux_unit';
COMMENT ON COLUMN sky.detections.ref_flux_err IS '1 sigma of ref_flux';
COMMENT ON COLUMN sky.detections.cutouts IS 'URIs of the cutouts: {"fits": the three stamps as extensions SCIENCE, REFERENCE, DIFFERENCE; "png": the same side by side}';
COMMENT ON COLUMN sky.detections.job_id IS 'job that wrote the row';
COMMENT ON COLUMN sky.detections.lease_id IS 'lease under which the row was written';
COMMENT ON COLUMN sky.detections.created_at IS 'when the row was written';
SELECT pg_catalog.pg_extension_config_dump('sky.detections', '');
SELECT pg_catalog.pg_extension_config_dump('sky.detections_detection_id_seq', '');
-- One task per unflagged detection: is it real? Votes are kept apart and never changed.
CREATE TABLE sky.curation_tasks (
    task_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    detection_id   bigint NOT NULL UNIQUE,
    observation_id bigint NOT NULL,
    object_id      bigint,
    state          text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'candidate', 'confirmed', 'rejected', 'ambiguous')),
    reason         text,
    notified_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX curation_tasks_open ON sky.curation_tasks (created_at) WHERE state IN ('new', 'candidate', 'ambiguous');
CREATE INDEX curation_tasks_observation ON sky.curation_tasks (observation_id);
CREATE INDEX curation_tasks_object ON sky.curation_tasks (object_id);
COMMENT ON TABLE sky.curation_tasks IS 'is this detection real? one task per unflagged detection';
COMMENT ON COLUMN sky.curation_tasks.task_id IS 'number of the task';
COMMENT ON COLUMN sky.curation_tasks.detection_id IS 'detection in question';
COMMENT ON COLUMN sky.curation_tasks.observation_id IS 'its observation';
COMMENT ON COLUMN sky.curation_tasks.object_id IS 'its object';
COMMENT ON COLUMN sky.curation_tasks.state IS 'new (not looked at), candidate (passed the thresholds), confirmed, rejected, ambiguous';
COMMENT ON COLUMN sky.curation_tasks.reason IS 'why it is in that state';
COMMENT ON COLUMN sky.curation_tasks.notified_at IS 'when the alert was sent';
COMMENT ON COLUMN sky.curation_tasks.created_at IS 'when the task was opened';
COMMENT ON COLUMN sky.curation_tasks.updated_at IS 'when its state changed last';
SELECT pg_catalog.pg_extension_config_dump('sky.curation_tasks', '');
SELECT pg_catalog.pg_extension_config_dump('sky.curation_tasks_task_id_seq', '');
-- Append only: a vote outlives a detection that a second run replaced.
CREATE TABLE sky.curation_votes (
    vote_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id      bigint NOT NULL,
    detection_id bigint NOT NULL,
    object_id    bigint,
    verdict      text NOT NULL CHECK (verdict IN ('confirmed', 'rejected', 'ambiguous')),
    reason       text,
    voter        text NOT NULL,
    is_rule      boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX curation_votes_object ON sky.curation_votes (object_id, vote_id);
CREATE INDEX curation_votes_task ON sky.curation_votes (task_id);
COMMENT ON TABLE sky.curation_votes IS 'every verdict on a detection; rows are only added';
COMMENT ON COLUMN sky.curation_votes.vote_id IS 'number of the vote';
COMMENT ON COLUMN sky.curation_votes.task_id IS 'task that was voted on';
COMMENT ON COLUMN sky.curation_votes.detection_id IS 'detection of the task';
COMMENT ON COLUMN sky.curation_votes.object_id IS 'object of the task';
COMMENT ON COLUMN sky.curation_votes.verdict IS 'confirmed, rejected or ambiguous';
COMMENT ON COLUMN sky.curation_votes.reason IS 'dipole, bad_subtraction, cosmic_ray, asteroid, supernova, ... or free text';
COMMENT ON COLUMN sky.curation_votes.voter IS 'who voted: the session''s user, or the rule';
COMMENT ON COLUMN sky.curation_votes.is_rule IS 'true: a rule of sky.settings voted, no person';
COMMENT ON COLUMN sky.curation_votes.created_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('sky.curation_votes', '');
SELECT pg_catalog.pg_extension_config_dump('sky.curation_votes_vote_id_seq', '');
-- How long each stage took, one row per step of a committed job.
CREATE TABLE sky.stage_runs (
    job_id         bigint NOT NULL,
    lease_id       bigint NOT NULL,
    step           int NOT NULL,
    observation_id bigint,
    stage          text NOT NULL,
    version        int,
    ms             float8,
    finished_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (job_id, lease_id, step)
);
CREATE INDEX stage_runs_observation ON sky.stage_runs (observation_id);
COMMENT ON TABLE sky.stage_runs IS 'steps of committed jobs, with their time';
COMMENT ON COLUMN sky.stage_runs.job_id IS 'job';
COMMENT ON COLUMN sky.stage_runs.lease_id IS 'lease under which it was committed';
COMMENT ON COLUMN sky.stage_runs.step IS 'position in the plan, from 0';
COMMENT ON COLUMN sky.stage_runs.observation_id IS 'observation it worked on';
COMMENT ON COLUMN sky.stage_runs.stage IS 'name of the stage';
COMMENT ON COLUMN sky.stage_runs.version IS 'version of the stage';
COMMENT ON COLUMN sky.stage_runs.ms IS 'time it took, milliseconds';
COMMENT ON COLUMN sky.stage_runs.finished_at IS 'when it was committed';
SELECT pg_catalog.pg_extension_config_dump('sky.stage_runs', '');
-- What a plan chose (reference, calibration frames), so that the commit writes down what was used and not what would
-- be chosen by then. One row per job in work; the commit takes it away.
CREATE TABLE sky.plans (
    job_id     bigint PRIMARY KEY,
    lease_id   bigint NOT NULL,
    choice     jsonb NOT NULL,
    planned_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE sky.plans IS 'what the plans of running jobs chose';
COMMENT ON COLUMN sky.plans.job_id IS 'job';
COMMENT ON COLUMN sky.plans.lease_id IS 'lease under which it was planned';
COMMENT ON COLUMN sky.plans.choice IS 'image and calibration numbers that the plan chose';
COMMENT ON COLUMN sky.plans.planned_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('sky.plans', '');
-- Where an observation is now: the queue that finished, the job that carries on, or why none does.
CREATE FUNCTION sky.advance(observation_id bigint, stage text, next_job_id bigint, note text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    UPDATE sky.observations o
    SET stage = advance.stage, next_job_id = advance.next_job_id, note = advance.note, updated_at = clock_timestamp()
    WHERE o.observation_id = advance.observation_id
$$;
COMMENT ON FUNCTION sky.advance(bigint, text, bigint, text) IS 'writes how far an observation is and what comes next';
-- Defaults live here and are copied into sky.settings by install_defaults(): an empty table is a working one.
CREATE FUNCTION sky.default_settings(OUT name text, OUT value jsonb, OUT description text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 AS $$
    VALUES
    ('association_radius', '1.0'::jsonb, 'arcsec; a detection nearer than this to an object belongs to it'),
    ('minimum_overlap', '0.2', 'fraction of a science frame that a reference must cover'),
    ('auto_accept_snr', '10', 'a candidate of at least this S/N is confirmed by rule; null: people decide'),
    ('auto_accept_score', 'null', 'and of at least this real/bogus score; null: the score is not asked for'),
    ('calibration_frames', '25', 'single bias, dark or flat frames that are combined at most, the nearest in time'),
    ('combine_from', '8', 'single frames from which on a master is made and kept; fewer are combined each time'),
    ('calibration_wait', '1', 's; how long preprocessing steps aside while calibration frames are being ingested')
$$;
COMMENT ON FUNCTION sky.default_settings() IS 'every setting with its default';
-- The unique key keeps a second run from overtaking the first: a live job of the same queue and observation is the next job.
CREATE FUNCTION sky.enqueue_next(o sky.observations, queue text, priority int, more jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    next_id bigint;
BEGIN
    next_id := astrid.enqueue(enqueue_next.queue,
        jsonb_build_object('uri', o.uri, 'observation_id', o.observation_id) || more,
        priority => enqueue_next.priority,
        unique_key => format('sky:%s:%s', enqueue_next.queue, o.observation_id));
    RETURN next_id;
END $$;
COMMENT ON FUNCTION sky.enqueue_next(sky.observations, text, int, jsonb) IS 'enqueues the next job of an observation, once; its id';
-- Headers spell instruments as they like; the row's own name goes before other rows' aliases.
CREATE FUNCTION sky.find_instrument(header_name text) RETURNS sky.instruments
LANGUAGE sql STABLE AS $$
    SELECT i.* FROM sky.instruments i
    WHERE lower(header_name) = lower(i.name)
       OR lower(header_name) IN (SELECT lower(a) FROM unnest(i.aliases) AS a)
    ORDER BY lower(header_name) = lower(i.name) DESC, i.name LIMIT 1
$$;
COMMENT ON FUNCTION sky.find_instrument(text) IS 'the row of sky.instruments for an INSTRUME value, by name or alias, case ignored';
-- What kind of frame is it? The payload decides, then the instrument's kind_map, then what ingest made of IMAGETYP; a frame
-- that says nothing is science.
CREATE FUNCTION sky.frame_kind(payload jsonb, result jsonb, instrument sky.instruments) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    word text := sky.text_field(result, 'imagetyp', 'ingest');
    kind text := COALESCE(sky.text_field(payload, 'kind', 'payload'),
                          (SELECT m.value FROM jsonb_each_text(instrument.kind_map) AS m WHERE lower(m.key) = lower(word) LIMIT 1),
                          sky.text_field(result, 'frame_kind', 'ingest'),
                          CASE WHEN word IS NULL THEN 'science' END);
BEGIN
    IF kind IS NULL OR kind NOT IN ('science', 'reference', 'bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.refuse(
            format('kind of frame "%s" is not known', COALESCE(kind, word)),
            'Known are science, reference, bias, dark, flat and bpm.',
            format('Give "kind" in the payload, or map the header''s word: %s.',
                   sky.teach_statement(instrument, sky.text_field(result, 'instrument', 'ingest'), 'kind_map',
                                       jsonb_build_object(COALESCE(word, ''), 'KIND'))));
    END IF;
    RETURN kind;
END $$;
COMMENT ON FUNCTION sky.frame_kind(jsonb, jsonb, sky.instruments) IS 'science, reference, bias, dark, flat or bpm; refuses words it does not know';
-- The quality gate. Every failed rule is told with its numbers, in one error.
CREATE FUNCTION sky.gate(stage text, o sky.observations, result jsonb) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    failures text;
BEGIN
    SELECT string_agg(CASE
               WHEN v.value IS NULL THEN format('%s is not known', t.metric)
               WHEN v.value < t.minimum THEN format('%s = %s is below %s', t.metric, v.value, t.minimum)
               ELSE format('%s = %s is above %s', t.metric, v.value, t.maximum) END, '; ' ORDER BY t.metric)
    INTO failures
    FROM sky.quality_thresholds t,
         LATERAL (SELECT sky.number_field(result, t.metric, gate.stage)) AS v (value)
    WHERE t.stage = gate.stage AND t.enabled
      AND (t.instrument IS NULL OR t.instrument = o.instrument)
      AND (t.band IS NULL OR t.band = o.band)
      AND (v.value < t.minimum OR v.value > t.maximum OR (v.value IS NULL AND t.required));
    IF failures IS NOT NULL THEN
        PERFORM sky.refuse(format('quality gate of %s: %s', stage, failures),
            format('File %s, instrument %s, band %s.', o.uri, COALESCE(o.instrument, 'unknown'), COALESCE(o.band, 'unknown')),
            'The bounds are in sky.quality_thresholds; what headers call things is in sky.instruments.');
    END IF;
END $$;
COMMENT ON FUNCTION sky.gate(text, sky.observations, jsonb) IS 'refuses a frame whose numbers break an enabled row of sky.quality_thresholds';
-- JSON knows only numbers: 1.5 pixels are refused here.
CREATE FUNCTION sky.integer_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    value float8 := sky.number_field(doc, field, stage, required);
BEGIN
    IF value <> trunc(value) OR abs(value) > 9e15 THEN
        PERFORM sky.refuse(format('%s: field "%s" must be an integer', sky.origin(stage), field),
                           format('It is %s.', doc ->> field));
    END IF;
    RETURN value::bigint;
END $$;
COMMENT ON FUNCTION sky.integer_field(jsonb, text, text, boolean) IS 'an integer of a result; null where absent and not required';
-- A plan made anew, under another lease, takes the place of the old one.
CREATE FUNCTION sky.keep_choice(job_id bigint, lease_id bigint, choice jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.plans AS p (job_id, lease_id, choice)
    VALUES (keep_choice.job_id, keep_choice.lease_id, keep_choice.choice)
    ON CONFLICT ON CONSTRAINT plans_pkey DO UPDATE
    SET lease_id = EXCLUDED.lease_id, choice = EXCLUDED.choice, planned_at = EXCLUDED.planned_at
$$;
COMMENT ON FUNCTION sky.keep_choice(bigint, bigint, jsonb) IS 'remembers what a plan chose until its commit';
-- First call of every function that writes for a job: locks the lease or raises lease_lost, then tells what the job is.
CREATE FUNCTION sky.leased_job(job_id bigint, lease_id bigint, OUT queue_name text, OUT payload jsonb, OUT priority int)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM astrid.check_lease(leased_job.job_id, leased_job.lease_id);
    SELECT j.queue_name, j.payload, j.priority INTO queue_name, payload, priority
    FROM astrid.job_status j
    WHERE j.job_id = leased_job.job_id AND j.state = 'running';
    IF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
        PERFORM sky.refuse('payload must be a JSON object', NULL, 'For example {"uri": "/data/raw/1.fits"}.');
    END IF;
END $$;
COMMENT ON FUNCTION sky.leased_job(bigint, bigint) IS 'queue and payload of a running job; locks the lease or raises lease_lost';
-- Results come from programs and may be garbage: every error names stage and field.
CREATE FUNCTION sky.number_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := jsonb_typeof(doc -> field);
BEGIN
    IF kind IS NULL OR kind = 'null' THEN
        IF required THEN
            PERFORM sky.refuse(format('%s: field "%s" is missing', sky.origin(stage), field));
        END IF;
        RETURN NULL;
    END IF;
    -- A JSON number may exceed what float8 holds.
    IF kind <> 'number' OR abs((doc ->> field)::numeric) > 1e300 THEN
        PERFORM sky.refuse(format('%s: field "%s" must be a finite number', sky.origin(stage), field),
                           format('It is %s.', left(doc ->> field, 100)));
    END IF;
    RETURN (doc ->> field)::numeric::float8;
END $$;
COMMENT ON FUNCTION sky.number_field(jsonb, text, text, boolean) IS 'a number of a result; null where absent and not required';
-- Where a field was looked for, in words. "payload" is the job's, all else is a stage.
CREATE FUNCTION sky.origin(stage text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE stage WHEN 'payload' THEN 'payload' ELSE format('result of stage "%s"', stage) END
$$;
COMMENT ON FUNCTION sky.origin(text) IS 'where a field was looked for, in words for an error';
-- A stage that names no file has made none.
CREATE FUNCTION sky.output_field(step jsonb, role text, required boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    output jsonb := step -> 'outputs' -> role;
BEGIN
    IF COALESCE(output ->> 'uri', '') = '' THEN
        IF required THEN
            PERFORM sky.refuse(format('result of stage "%s": output "%s" has no uri', step ->> 'stage', role));
        END IF;
        RETURN NULL;
    END IF;
    RETURN output;
END $$;
COMMENT ON FUNCTION sky.output_field(jsonb, text, boolean) IS 'an output file of a step: {"uri", "sha256", "bytes"}';
-- Payloads name the observation by number; by hand the uri is enough.
CREATE FUNCTION sky.payload_observation(payload jsonb) RETURNS sky.observations
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o sky.observations;
BEGIN
    IF payload ? 'observation_id' THEN
        SELECT * INTO o FROM sky.observations s
        WHERE s.observation_id = sky.integer_field(payload_observation.payload, 'observation_id', 'payload', true);
    ELSE
        SELECT * INTO o FROM sky.observations s
        WHERE s.uri = payload_observation.payload ->> 'uri'
          AND s.hdu = COALESCE(sky.integer_field(payload_observation.payload, 'hdu', 'payload'), s.hdu)
        ORDER BY s.observation_id DESC LIMIT 1;
    END IF;
    IF o.observation_id IS NULL THEN
        PERFORM sky.refuse(format('no observation %s', COALESCE(payload ->> 'observation_id', payload ->> 'uri', 'named')),
                           NULL, 'Enqueue the file on observation_ingestion first.');
    END IF;
    RETURN o;
END $$;
COMMENT ON FUNCTION sky.payload_observation(jsonb) IS 'the observation that a payload names by observation_id or by uri';
-- The row of an output file. Aligned, difference and score lie on the science grid, so size and footprint are the
-- observation's own, unless the stage (trimming an overscan) says otherwise.
CREATE FUNCTION sky.record_image(o sky.observations, kind text, step jsonb, role text, job_id bigint, lease_id bigint,
                                 made_from jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    output jsonb := sky.output_field(step, role);
    result jsonb := step -> 'result';
    stage  text := step ->> 'stage';
    w      record;
    id     bigint;
BEGIN
    w := sky.wcs_footprint(CASE WHEN jsonb_typeof(result -> 'wcs') = 'object' THEN result -> 'wcs' END);
    INSERT INTO sky.images (observation_id, kind, uri, sha256, bytes, width, height, instrument, object, band, mjd_mid_tai,
                            ra, dec, radius, footprint, fwhm, ellipticity, sky_level, sky_rms, n_sources, zero_point, m5,
                            quality, made_from, job_id, lease_id)
    VALUES (o.observation_id, record_image.kind, output ->> 'uri', output ->> 'sha256',
            sky.integer_field(output, 'bytes', stage),
            COALESCE(sky.integer_field(result, 'naxis1', stage), o.width),
            COALESCE(sky.integer_field(result, 'naxis2', stage), o.height),
            o.instrument, o.object, o.band, o.mjd_mid_tai, COALESCE(w.ra, o.ra), COALESCE(w.dec, o.dec),
            COALESCE(w.radius, o.radius), COALESCE(w.footprint, o.footprint),
            sky.number_field(result, 'fwhm', stage), sky.number_field(result, 'ellipticity', stage),
            sky.number_field(result, 'sky_level', stage), sky.number_field(result, 'sky_rms', stage),
            sky.integer_field(result, 'n_sources', stage), sky.number_field(result, 'zero_point', stage),
            sky.number_field(result, 'm5', stage), result, record_image.made_from,
            record_image.job_id, record_image.lease_id)
    RETURNING image_id INTO id;
    RETURN id;
END $$;
COMMENT ON FUNCTION sky.record_image(sky.observations, text, jsonb, text, bigint, bigint, jsonb) IS 'writes the row of an output file; its image_id';
-- Every commit writes these; sky.stage_times adds them up.
CREATE FUNCTION sky.record_runs(job_id bigint, lease_id bigint, observation_id bigint, results jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.stage_runs (job_id, lease_id, step, observation_id, stage, version, ms)
    SELECT job_id, lease_id, n - 1, observation_id, sky.text_field(e, 'stage', '?', true),
           sky.integer_field(e, 'version', e ->> 'stage')::int, sky.number_field(e, 'ms', e ->> 'stage')
    FROM jsonb_array_elements(results) WITH ORDINALITY AS r (e, n)
$$;
COMMENT ON FUNCTION sky.record_runs(bigint, bigint, bigint, jsonb) IS 'writes the time of each step';
-- The one way to say no: SQLSTATE QJ009, which the worker takes as permanent.
CREATE FUNCTION sky.refuse(message text, detail text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'QJ009', MESSAGE = message,
        DETAIL = COALESCE(detail, ''), HINT = COALESCE(hint, '');
END $$;
COMMENT ON FUNCTION sky.refuse(text, text, text) IS 'raises QJ009: a domain rule refuses this, and repeating it cannot help';
-- An empty table works: the default stands in.
CREATE FUNCTION sky.setting(name text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE((SELECT s.value FROM sky.settings s WHERE s.name = setting.name),
                    (SELECT d.value FROM sky.default_settings() d WHERE d.name = setting.name))
$$;
COMMENT ON FUNCTION sky.setting(text) IS 'value of a setting: the row in sky.settings, else the default';
-- A JSON null in the table is a value ("off"), not the lack of one: it gives null, not the default.
CREATE FUNCTION sky.setting_number(name text) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (NULLIF(sky.setting(setting_number.name), 'null') #>> '{}')::float8
$$;
COMMENT ON FUNCTION sky.setting_number(text) IS 'value of a setting as a number; null where the setting is a JSON null';
-- Parameters of a stage: the instrument's, overridden by the user's at ingestion, overridden by the job's own.
CREATE FUNCTION sky.stage_params(o sky.observations, payload jsonb, stage text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT i.params -> stage FROM sky.instruments i WHERE i.name = o.instrument), '{}')
        || COALESCE(o.payload -> 'params' -> stage, '{}')
        || COALESCE(payload -> 'params' -> stage, '{}')
$$;
COMMENT ON FUNCTION sky.stage_params(sky.observations, jsonb, text) IS 'parameters of a stage for an observation: instrument, then ingestion payload, then job payload';
-- Reading what a worker sent. Results come from programs and may be garbage: every error names stage and field.
CREATE FUNCTION sky.stage_result(results jsonb, stage text, required boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found jsonb;
BEGIN
    IF jsonb_typeof(results) IS DISTINCT FROM 'array' THEN
        PERFORM sky.refuse('results must be a JSON array', format('It is %s.', COALESCE(jsonb_typeof(results), 'null')));
    END IF;
    SELECT e INTO found FROM jsonb_array_elements(results) WITH ORDINALITY AS r (e, n)
    WHERE e ->> 'stage' = stage_result.stage ORDER BY n DESC LIMIT 1;
    IF found IS NULL AND required THEN
        PERFORM sky.refuse(format('results hold no step of the stage "%s"', stage));
    END IF;
    IF found IS NOT NULL AND jsonb_typeof(found -> 'result') IS DISTINCT FROM 'object' THEN
        PERFORM sky.refuse(format('result of stage "%s": field "result" must be an object', stage));
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.stage_result(jsonb, text, boolean) IS 'the last step of a stage in results; refuses by name where it is missing';
-- Called by the commit; the row is gone with it, so the table stays as small as the number of jobs in work.
CREATE FUNCTION sky.take_choice(job_id bigint, lease_id bigint) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    DELETE FROM sky.plans p
    WHERE p.job_id = take_choice.job_id AND p.lease_id = take_choice.lease_id RETURNING p.choice INTO found;
    IF found IS NULL THEN
        PERFORM sky.refuse(format('job %s was not planned under this lease', job_id), NULL, 'Call sky.plan() before sky.commit().');
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.take_choice(bigint, bigint) IS 'what the plan of this lease chose; refuses where there was none';
-- What is missing is told with the statement that adds it, for the instrument at hand.
CREATE FUNCTION sky.teach_statement(i sky.instruments, header_name text, map text, entry jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN i.name IS NULL
        THEN format('INSERT INTO sky.instruments (name, %I) VALUES (%L, %L)', map, COALESCE(header_name, 'NAME'), entry)
        ELSE format('UPDATE sky.instruments SET %1$I = %1$I || %2$L WHERE name = %3$L', map, entry, i.name) END
$$;
COMMENT ON FUNCTION sky.teach_statement(sky.instruments, text, text, jsonb) IS 'the statement that adds an entry to a map of an instrument''s row, or makes the row';
-- Empty text is what headers say when they say nothing.
CREATE FUNCTION sky.text_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := jsonb_typeof(doc -> field);
BEGIN
    IF kind IN ('object', 'array') THEN
        PERFORM sky.refuse(format('%s: field "%s" must be text', sky.origin(stage), field));
    END IF;
    IF required AND COALESCE(doc ->> field, '') = '' THEN
        PERFORM sky.refuse(format('%s: field "%s" is missing', sky.origin(stage), field));
    END IF;
    RETURN NULLIF(doc ->> field, '');
END $$;
COMMENT ON FUNCTION sky.text_field(jsonb, text, text, boolean) IS 'a text of a result; null where absent or empty and not required';
-- The wcs object of the ingest stage -> centre, radius and footprint; all null where there is none.
CREATE FUNCTION sky.wcs_footprint(wcs jsonb, OUT ra float8, OUT "dec" float8, OUT radius float8, OUT footprint float8[],
                                  OUT pixel_scale float8, OUT approx boolean)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    corner jsonb;
    place  float8[];
BEGIN
    approx := COALESCE(wcs -> 'approx' = 'true', false);
    ra := sky.number_field(wcs, 'ra', 'ingest');
    dec := sky.number_field(wcs, 'dec', 'ingest');
    pixel_scale := sky.number_field(wcs, 'pixel_scale', 'ingest');
    -- a projection that does not reach the corners is of no use for matching
    IF ra IS NULL OR dec IS NULL OR COALESCE(jsonb_typeof(wcs -> 'corners'), 'null') = 'null' THEN
        ra := NULL;
        dec := NULL;
        RETURN;
    END IF;
    IF ra < 0 OR ra > 360 OR dec NOT BETWEEN -90 AND 90 THEN
        PERFORM sky.refuse('result of stage "ingest": field "wcs" has an impossible centre', format('It is %s, %s.', ra, dec));
    END IF;
    ra := CASE WHEN ra = 360 THEN 0 ELSE ra END;
    IF jsonb_typeof(wcs -> 'corners') IS DISTINCT FROM 'array' OR jsonb_array_length(wcs -> 'corners') <> 4 THEN
        PERFORM sky.refuse('result of stage "ingest": field "wcs.corners" must hold four [ra, dec] pairs');
    END IF;
    radius := 0;
    FOR corner IN SELECT c FROM jsonb_array_elements(wcs -> 'corners') AS c LOOP
        place := ARRAY[sky.number_field(jsonb_build_object('corners', corner -> 0), 'corners', 'ingest', true),
                       sky.number_field(jsonb_build_object('corners', corner -> 1), 'corners', 'ingest', true)];
        footprint := footprint || place;
        radius := greatest(radius, @extschema@.q3c_dist(ra, dec, place[1], place[2]));
    END LOOP;
END $$;
COMMENT ON FUNCTION sky.wcs_footprint(jsonb) IS 'centre, radius and corners from the wcs of an ingest result';
-- Angles in degrees, ICRS. q3c_join() calls its parts through the search_path, which definer functions pin; this is the same
-- condition (Koposov & Bartunov 2006, ASPC 351, 735) with every name written out. ra2, dec2 must be the indexed columns.
CREATE FUNCTION sky.near(ra1 float8, dec1 float8, ra2 float8, dec2 float8, radius float8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 0)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 1))
         OR (@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 2)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 3))
         OR (@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 4)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 5))
         OR (@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 6)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 7)))
       AND @extschema@.q3c_sindist(ra1, dec1, ra2, dec2) < pow(sind(radius / 2), 2)
$$;
COMMENT ON FUNCTION sky.near(float8, float8, float8, float8, float8) IS 'are two places nearer than radius (deg)? uses the q3c index on ra2, dec2';
-- By counting, not by clipping polygons: 400 places settle "at least a fifth" well enough, and poles and ra = 0 need no thought.
CREATE FUNCTION sky.overlap(footprint float8[], other float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT avg(@extschema@.q3c_in_poly(s.ra, s.dec, other)::int)::float8
    FROM sky.sample_footprint(footprint, 20) AS s
$$;
COMMENT ON FUNCTION sky.overlap(float8[], float8[]) IS 'fraction of a footprint that lies in another, to about 2 %';
-- Cell centres of an n x n grid over the quadrilateral (bilinear in unit vectors: right across ra = 0 and at the poles).
CREATE FUNCTION sky.sample_footprint(footprint float8[], n int) RETURNS TABLE (ra float8, "dec" float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 400 AS $$
    SELECT p.ra, p.dec
    FROM (SELECT sky.unit_vector(footprint[1], footprint[2]), sky.unit_vector(footprint[3], footprint[4]),
                 sky.unit_vector(footprint[5], footprint[6]), sky.unit_vector(footprint[7], footprint[8])) AS c (a, b, c, d),
         LATERAL (SELECT (i - 0.5) / n, (j - 0.5) / n
                  FROM generate_series(1, n) AS i, generate_series(1, n) AS j) AS g (u, v),
         LATERAL (SELECT (1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v) AS w (wa, wb, wc, wd),
         LATERAL sky.vector_place(wa * a[1] + wb * b[1] + wc * c[1] + wd * d[1],
                                  wa * a[2] + wb * b[2] + wc * c[2] + wd * d[2],
                                  wa * a[3] + wb * b[3] + wc * c[3] + wd * d[3]) AS p
$$;
COMMENT ON FUNCTION sky.sample_footprint(float8[], int) IS 'n x n places spread evenly over a four-cornered footprint';
-- Means and interpolations of places are taken in vectors, where right ascension does not wrap.
CREATE FUNCTION sky.unit_vector(ra float8, "dec" float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[cosd(dec) * cosd(ra), cosd(dec) * sind(ra), sind(dec)]
$$;
COMMENT ON FUNCTION sky.unit_vector(float8, float8) IS 'a place as a vector of length 1';
-- The way back from vectors; the length does not matter.
CREATE FUNCTION sky.vector_place(x float8, y float8, z float8, OUT ra float8, OUT "dec" float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- adding 360 to a tiny negative angle may round to 360 itself
    SELECT CASE WHEN a >= 360 THEN a - 360 ELSE a END, atan2d(z, sqrt(x * x + y * y))
    FROM (SELECT CASE WHEN atan2d(y, x) < 0 THEN atan2d(y, x) + 360 ELSE atan2d(y, x) END) AS t (a)
$$;
COMMENT ON FUNCTION sky.vector_place(float8, float8, float8) IS 'the place that a vector points to, ra in [0, 360)';
-- Detections of the same place become one object. A detection joins the nearest object within the radius; an unflagged
-- one that finds none makes a new object, a flagged one stays alone. The caller holds the cells (sky.lock_detections).
CREATE FUNCTION sky.associate(observation_id bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    radius  float8 := sky.association_radius();
    d       record;
    nearest bigint;
    touched bigint[] := '{}';
BEGIN
    -- strongest first: its position is the best one to found an object on
    FOR d IN SELECT s.detection_id, s.ra, s.dec, s.flags FROM sky.detections s
             WHERE s.observation_id = associate.observation_id AND s.ra IS NOT NULL AND s.dec IS NOT NULL
             ORDER BY s.flags <> 0, s.snr DESC, s.detection_id LOOP
        SELECT t.object_id INTO nearest FROM sky.objects t
        WHERE sky.near(d.ra, d.dec, t.ra, t.dec, radius)
        ORDER BY @extschema@.q3c_dist(d.ra, d.dec, t.ra, t.dec), t.object_id LIMIT 1;
        IF nearest IS NULL AND d.flags = 0 THEN
            INSERT INTO sky.objects (ra, dec) VALUES (d.ra, d.dec) RETURNING object_id INTO nearest;
        END IF;
        IF nearest IS NOT NULL THEN
            UPDATE sky.detections SET object_id = nearest WHERE detection_id = d.detection_id;
            touched := touched || nearest;
        END IF;
    END LOOP;
    RETURN touched;
END $$;
COMMENT ON FUNCTION sky.associate(bigint) IS 'gives the detections of an observation their objects; those objects, for refresh_objects()';
-- Checked where it is used: people edit sky.settings by hand.
CREATE FUNCTION sky.association_radius() RETURNS float8
LANGUAGE plpgsql STABLE AS $$
DECLARE
    arcsec float8 := sky.setting_number('association_radius');
BEGIN
    -- sky.cells() holds for circles smaller than a cell
    IF arcsec IS NULL OR arcsec <= 0 OR arcsec > 300 THEN
        PERFORM sky.refuse(format('setting association_radius is %s, not in (0, 300] arcsec', COALESCE(arcsec::text, 'null')));
    END IF;
    RETURN arcsec / 3600;
END $$;
COMMENT ON FUNCTION sky.association_radius() IS 'radius within which a detection joins an object, deg';
-- Looks at the plans, of which there are as many as jobs in work, and not at the queue, which may hold millions. A plan
-- whose job died stays behind: the job's state decides.
CREATE FUNCTION sky.calibration_in_work() RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    p sky.plans;
BEGIN
    FOR p IN SELECT * FROM sky.plans s WHERE s.choice ->> 'kind' IN ('bias', 'dark', 'flat', 'bpm') LOOP
        IF EXISTS (SELECT FROM astrid.job_status j WHERE j.job_id = p.job_id AND j.state = 'running') THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
COMMENT ON FUNCTION sky.calibration_in_work() IS 'is a calibration frame being ingested at this moment?';
-- The calibration frames for an observation: same instrument and size; flats of its band; darks of the exposure time
-- nearest to its own. A master that the user handed in is used alone, else the single frames nearest in time.
CREATE FUNCTION sky.calibration_inputs(o sky.observations, kind text)
RETURNS TABLE (calibration_id bigint, uri text, is_master boolean)
LANGUAGE sql STABLE AS $$
    WITH fitting AS (
        SELECT c.*, abs(c.mjd_mid_tai - o.mjd_mid_tai) AS apart
        FROM sky.calibration_frames c
        WHERE c.kind = calibration_inputs.kind AND c.enabled AND c.observation_id IS NOT NULL AND c.hdu = o.hdu
          AND c.instrument IS NOT DISTINCT FROM o.instrument AND c.width = o.width AND c.height = o.height
          AND (c.binning IS NULL OR o.ingest ->> 'binning' IS NULL OR c.binning = o.ingest ->> 'binning')
          AND (c.kind <> 'flat' OR c.band IS NOT DISTINCT FROM o.band)
    ), nearest AS (
        SELECT f.* FROM fitting f
        WHERE f.kind <> 'dark' OR f.exptime IS NOT DISTINCT FROM (
            SELECT g.exptime FROM fitting g ORDER BY abs(g.exptime - o.exptime), g.exptime DESC LIMIT 1)
    )
    SELECT n.calibration_id, n.uri, n.is_master FROM (
        SELECT m.*, row_number() OVER (PARTITION BY m.is_master ORDER BY m.apart, m.calibration_id DESC) AS rank,
               bool_or(m.is_master) OVER () AS any_master
        FROM nearest m) AS n
    WHERE CASE WHEN n.any_master THEN n.is_master AND n.rank = 1
               ELSE n.rank <= sky.setting_number('calibration_frames') END
$$;
COMMENT ON FUNCTION sky.calibration_inputs(sky.observations, text) IS 'calibration frames of a kind for an observation: one master, or single frames';
-- A box in (ra, dec) that is smaller than a cell touches only the cells of its corners. The zones next to the poles
-- are one cell each: right ascension means nothing there.
CREATE FUNCTION sky.cells(ra float8, "dec" float8, radius float8) RETURNS SETOF int
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT DISTINCT z.zone * 1440 + CASE
        WHEN z.zone <= 3 OR z.zone >= 716 THEN 0
        ELSE floor((CASE WHEN e.edge < 0 THEN e.edge + 360 WHEN e.edge >= 360 THEN e.edge - 360 ELSE e.edge END)
                   / 360 * greatest(1, floor(1440 * cosd(least(90, abs(z.zone * 0.25 - 89.875) + 0.125)))))::int END
    FROM (SELECT DISTINCT least(719, greatest(0, floor((dec + side * radius + 90) / 0.25)))::int AS zone
          FROM unnest(ARRAY[-1, 1]) AS side) AS z,
         LATERAL (SELECT ra + side * radius / cosd(least(89, abs(dec) + radius)) AS edge
                  FROM unnest(ARRAY[-1, 1]) AS side) AS e
$$;
COMMENT ON FUNCTION sky.cells(float8, float8, float8) IS 'cells of about 0.25 deg that a circle (deg; radius below 0.1) touches';
-- Which reference belongs to a science frame? One that the payload names, by observation_id or file; else of the same band and covering enough of its
-- sky, sharpest first, then deepest. Frames without coordinates match by instrument and name of the target.
CREATE FUNCTION sky.find_reference(o sky.observations, payload jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    wanted   jsonb := COALESCE(payload -> 'reference', o.payload -> 'reference');
    farthest float8;
    found    bigint;
BEGIN
    IF wanted IS NOT NULL THEN
        SELECT i.image_id INTO found FROM sky.images i JOIN sky.observations r USING (observation_id)
        WHERE i.kind = 'reference' AND i.retired_at IS NULL
          AND CASE jsonb_typeof(wanted) WHEN 'number' THEN r.observation_id = wanted::bigint ELSE r.uri = wanted #>> '{}' END
        ORDER BY i.image_id DESC LIMIT 1;
    ELSIF o.ra IS NULL THEN
        SELECT i.image_id INTO found FROM sky.images i
        WHERE i.kind = 'reference' AND i.retired_at IS NULL
          AND i.band IS NOT DISTINCT FROM o.band AND i.instrument IS NOT DISTINCT FROM o.instrument
          AND i.object = o.object AND i.observation_id <> o.observation_id
        ORDER BY i.fwhm, i.m5 DESC NULLS LAST, i.image_id LIMIT 1;
    ELSE
        SELECT max(i.radius) INTO farthest FROM sky.images i WHERE i.kind = 'reference' AND i.retired_at IS NULL;
        SELECT i.image_id INTO found FROM sky.images i
        WHERE i.kind = 'reference' AND i.retired_at IS NULL
          AND i.band IS NOT DISTINCT FROM o.band AND i.observation_id <> o.observation_id
          AND sky.near(o.ra, o.dec, i.ra, i.dec, o.radius + farthest)
          AND @extschema@.q3c_dist(o.ra, o.dec, i.ra, i.dec) < o.radius + i.radius
          AND sky.overlap(o.footprint, i.footprint) >= sky.setting_number('minimum_overlap')
        ORDER BY i.fwhm, i.m5 DESC NULLS LAST, i.image_id LIMIT 1;
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.find_reference(sky.observations, jsonb) IS 'image_id of the best reference for an observation; null where there is none';
-- A second run adds an image; the newest counts.
CREATE FUNCTION sky.latest_image(observation_id bigint, kind text) RETURNS sky.images
LANGUAGE plpgsql STABLE AS $$
DECLARE
    i sky.images;
BEGIN
    SELECT * INTO i FROM sky.images s
    WHERE s.observation_id = latest_image.observation_id AND s.kind = latest_image.kind
    ORDER BY s.image_id DESC LIMIT 1;
    IF i.image_id IS NULL THEN
        PERFORM sky.refuse(format('observation %s has no %s image', observation_id, kind), NULL,
                           'Enqueue it on the queue that makes it first.');
    END IF;
    RETURN i;
END $$;
COMMENT ON FUNCTION sky.latest_image(bigint, text) IS 'the newest image of a kind of an observation; refuses where there is none';
-- Locks on pieces of sky, to the end of the transaction. They are taken before objects are looked up, so that of two jobs
-- that find the same new thing the second waits, and then sees the first one's object.
CREATE FUNCTION sky.lock_cells(ra float8[], "dec" float8[], radius float8) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    cell int;
    n    int := 0;
BEGIN
    PERFORM sky.require_read_committed();
    -- in sorted order, so that two jobs cannot wait for each other
    FOR cell IN SELECT DISTINCT c FROM unnest(lock_cells.ra, lock_cells.dec) AS p (ra, dec), sky.cells(p.ra, p.dec, lock_cells.radius) AS c
                WHERE p.ra IS NOT NULL AND p.dec IS NOT NULL ORDER BY c LOOP
        PERFORM pg_advisory_xact_lock(sky.lock_class(), cell);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
COMMENT ON FUNCTION sky.lock_cells(float8[], float8[], float8) IS 'locks the cells about some places to the end of the transaction; their number';
-- 'sky' in ASCII: keeps our advisory locks apart from the user's.
CREATE FUNCTION sky.lock_class() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 7564153 $$;
COMMENT ON FUNCTION sky.lock_class() IS 'first key of the advisory locks taken here';
-- Old and new places at once: two sorted sequences of locks one after the other could wait for each other.
CREATE FUNCTION sky.lock_detections(observation_id bigint, step jsonb) RETURNS void
LANGUAGE sql AS $$
    SELECT sky.lock_cells(array_agg(p.ra), array_agg(p.dec), sky.association_radius())
    FROM (SELECT d.ra, d.dec FROM sky.detections d WHERE d.observation_id = lock_detections.observation_id
          UNION ALL
          SELECT r.ra, r.dec FROM jsonb_to_recordset(step -> 'records' -> 'detections') AS r (ra float8, dec float8)) AS p
    WHERE p.ra IS NOT NULL AND p.dec IS NOT NULL
$$;
COMMENT ON FUNCTION sky.lock_detections(bigint, jsonb) IS 'locks the sky about the detections of an observation, those there and those to come';
-- A science frame that looks for a reference, and a reference that looks for science frames waiting for it, must not
-- miss each other: science shares the lock, a reference holds it alone, both to the end of the transaction.
CREATE FUNCTION sky.lock_references(alone boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sky.require_read_committed();
    IF alone THEN
        PERFORM pg_advisory_xact_lock(sky.lock_class(), -1);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(sky.lock_class(), -1);
    END IF;
END $$;
COMMENT ON FUNCTION sky.lock_references(boolean) IS 'serialises arriving references against science frames that look for one';
-- Means over all detections rather than running sums: a second run that replaces detections leaves no trace.
CREATE FUNCTION sky.refresh_objects(object_ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    UPDATE sky.objects o
    SET ra = COALESCE(p.ra, o.ra), dec = COALESCE(p.dec, o.dec), n_detections = s.n, n_observations = s.n_observations,
        first_mjd_tai = s.first_mjd, last_mjd_tai = s.last_mjd, max_snr = s.max_snr, updated_at = clock_timestamp()
    FROM (SELECT d.object_id, count(*) AS n, count(DISTINCT d.observation_id) AS n_observations,
                 min(d.mjd_mid_tai) AS first_mjd, max(d.mjd_mid_tai) AS last_mjd, max(d.snr) AS max_snr,
                 sum(d.snr * d.snr * (sky.unit_vector(d.ra, d.dec))[1]) FILTER (WHERE d.flags = 0) AS vx,
                 sum(d.snr * d.snr * (sky.unit_vector(d.ra, d.dec))[2]) FILTER (WHERE d.flags = 0) AS vy,
                 sum(d.snr * d.snr * (sky.unit_vector(d.ra, d.dec))[3]) FILTER (WHERE d.flags = 0) AS vz
          FROM sky.detections d WHERE d.object_id = ANY (object_ids) GROUP BY d.object_id) AS s,
         LATERAL sky.vector_place(s.vx, s.vy, s.vz) AS p
    WHERE o.object_id = s.object_id;
    DELETE FROM sky.objects o
    WHERE o.object_id = ANY (object_ids)
      AND NOT EXISTS (SELECT FROM sky.detections d WHERE d.object_id = o.object_id);
$$;
COMMENT ON FUNCTION sky.refresh_objects(bigint[]) IS 'works out objects anew from their detections; those without any go';
-- With a snapshot older than the lock, the rows that the lock waited for stay invisible.
CREATE FUNCTION sky.require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'sky.commit must run in a READ COMMITTED transaction' USING ERRCODE = 'QJ006';
    END IF;
END $$;
COMMENT ON FUNCTION sky.require_read_committed() IS 'raises unless statements see what was committed before they began';
-- Raw frames again, so the parameters are those of calibrate, less the position on the sky.
CREATE FUNCTION sky.combine_step(o sky.observations, payload jsonb, kind text, inputs jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('stage', 'combine', 'inputs', inputs - 'flat',
        'outputs', jsonb_build_object('master', format('master/%s-%s.fits', kind, o.observation_id)),
        'params', jsonb_build_object('kind', kind)
            || sky.frame_params(o.payload || jsonb_build_object('hdu', o.hdu), sky.find_instrument(o.instrument))
               - '{ra,dec,pixel_scale,rotation,parity}'::text[]
            || sky.stage_params(o, payload, 'combine'))
$$;
COMMENT ON FUNCTION sky.combine_step(sky.observations, jsonb, text, jsonb) IS 'the step that combines single frames into a master';
-- What ingest and calibrate share: both read the raw frame.
CREATE FUNCTION sky.frame_params(payload jsonb, i sky.instruments) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'hdu', payload -> 'hdu', 'plane', payload -> 'plane', 'ra', payload -> 'ra', 'dec', payload -> 'dec',
        'pixel_scale', COALESCE(payload -> 'pixel_scale', i.orientation -> 'pixel_scale'),
        'rotation', COALESCE(payload -> 'rotation', i.orientation -> 'rotation'),
        'parity', COALESCE(payload -> 'parity', i.orientation -> 'parity'),
        'instrument', CASE WHEN i.name IS NOT NULL THEN to_jsonb(i) - '{aliases,params,orientation,updated_at}'::text[] END))
$$;
COMMENT ON FUNCTION sky.frame_params(jsonb, sky.instruments) IS 'parameters of the stages that read raw frames: which image, approximate WCS, the instrument''s row';
-- What is to be run for a job? The worker's only question to this schema; see docs/architecture.md, "Plan and commit".
CREATE FUNCTION sky.plan(job_id bigint, lease_id bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    j record;
BEGIN
    j := sky.leased_job(plan.job_id, plan.lease_id);
    RETURN CASE j.queue_name
        WHEN 'observation_ingestion' THEN sky.plan_ingestion(plan.job_id, plan.lease_id, j.payload)
        WHEN 'preprocessing' THEN sky.plan_preprocessing(plan.job_id, plan.lease_id, j.payload)
        WHEN 'differencing' THEN sky.plan_differencing(plan.job_id, plan.lease_id, j.payload)
        WHEN 'detection' THEN sky.plan_detection(j.payload)
        WHEN 'curation' THEN '{"steps": []}'
        WHEN 'notification' THEN '{"steps": []}'
        ELSE sky.unknown_queue(j.queue_name) END;
END $$;
COMMENT ON FUNCTION sky.plan(bigint, bigint) IS 'steps that a worker runs for a job: {"steps": [{"stage", "inputs", "outputs", "params"}]}';
-- Which calibration frames go in, and what is combined before? From combine_from single frames on, the first plan that
-- needs their master makes it and its commit files it under the numbers of the frames it rests on; the plans after it
-- find it there. Two that make it at the same time both use their own, and one of them is filed. Fewer frames go to
-- calibrate as they are: that costs little, and calibrate measures the gain from them.
CREATE FUNCTION sky.plan_calibration(o sky.observations, payload jsonb, OUT steps jsonb, OUT inputs jsonb, OUT choice jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    this     text;
    ids      bigint[];
    rests_on bigint[] := '{}';
    uris     jsonb;
    finished boolean;
    master   text;
BEGIN
    steps := '[]';
    inputs := '{}';
    choice := '{}';
    -- in this order: darks are combined without their bias, flats without bias and dark
    FOREACH this IN ARRAY ARRAY['bias', 'dark', 'flat', 'bpm'] LOOP
        SELECT array_agg(c.calibration_id ORDER BY c.calibration_id), jsonb_agg(c.uri ORDER BY c.calibration_id), bool_or(c.is_master)
        INTO ids, uris, finished FROM sky.calibration_inputs(o, this) AS c;
        CONTINUE WHEN ids IS NULL;
        choice := choice || jsonb_build_object(this, ids);
        rests_on := rests_on || ids;
        IF NOT finished AND cardinality(ids) >= sky.setting_number('combine_from') THEN
            SELECT c.uri INTO master FROM sky.calibration_frames c
            WHERE c.kind = this AND c.is_master AND c.enabled AND c.made_from = rests_on;
            IF master IS NULL THEN
                choice := jsonb_set(choice, '{masters}', COALESCE(choice -> 'masters', '[]') || jsonb_build_object(
                    'kind', this, 'step', jsonb_array_length(steps), 'made_from', rests_on));
                master := format('@%s.master', jsonb_array_length(steps));
                steps := steps || sky.combine_step(o, payload, this, inputs || jsonb_build_object('frame', uris));
            END IF;
            uris := jsonb_build_array(master);
        END IF;
        inputs := inputs || jsonb_build_object(this, uris);
    END LOOP;
END $$;
COMMENT ON FUNCTION sky.plan_calibration(sky.observations, jsonb) IS 'combine steps to run first, calibration inputs by role, and the numbers of the frames';
-- One step: detect, on the observation's difference.
CREATE FUNCTION sky.plan_detection(payload jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o      sky.observations := sky.payload_observation(payload);
    inputs jsonb;
BEGIN
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'difference', jsonb_build_array(i.uri), 'science', jsonb_build_array(s.uri),
               'reference', jsonb_build_array(a.uri), 'score', CASE WHEN c.uri IS NOT NULL THEN jsonb_build_array(c.uri) END))
    INTO inputs
    FROM sky.differences d
    JOIN sky.images i ON i.image_id = d.image_id
    JOIN sky.images s ON s.image_id = d.science_id
    JOIN sky.images a ON a.image_id = d.aligned_id
    LEFT JOIN sky.images c ON c.image_id = d.score_id
    WHERE d.observation_id = o.observation_id;
    IF inputs IS NULL THEN
        PERFORM sky.refuse(format('observation %s has no difference', o.observation_id), NULL, 'Enqueue it on differencing first.');
    END IF;
    RETURN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
        'stage', 'detect', 'inputs', inputs,
        'outputs', jsonb_build_object('detections', format('detections/%s.fits', o.observation_id),
                                      'cutouts', format('cutouts/%s.fits', o.observation_id)),
        'params', sky.stage_params(o, payload, 'detect'))));
END $$;
COMMENT ON FUNCTION sky.plan_detection(jsonb) IS 'steps of a detection job';
-- Two steps: align the reference to the science image, subtract.
CREATE FUNCTION sky.plan_differencing(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o         sky.observations := sky.payload_observation(payload);
    science   sky.images := sky.latest_image(o.observation_id, 'calibrated');
    reference sky.images;
    name      text := o.observation_id || '.fits';
BEGIN
    SELECT * INTO reference FROM sky.images i WHERE i.image_id = sky.find_reference(o, payload);
    IF reference.image_id IS NULL THEN
        PERFORM sky.refuse(format('no reference covers observation %s', o.observation_id),
            format('Band %s, instrument %s.', COALESCE(o.band, 'unknown'), COALESCE(o.instrument, 'unknown')),
            'Ingest one with "kind": "reference", or make one with coadd, or call sky.use_reference().');
    END IF;
    PERFORM sky.keep_choice(plan_differencing.job_id, plan_differencing.lease_id,
        jsonb_build_object('reference', reference.image_id, 'science', science.image_id));
    RETURN jsonb_build_object('steps', jsonb_build_array(
        jsonb_build_object('stage', 'align',
            'inputs', jsonb_build_object('science', jsonb_build_array(science.uri), 'reference', jsonb_build_array(reference.uri)),
            'outputs', jsonb_build_object('aligned', 'aligned/' || name),
            'params', sky.stage_params(o, payload, 'align')),
        jsonb_build_object('stage', 'difference',
            'inputs', jsonb_build_object('science', jsonb_build_array(science.uri), 'reference', '["@0.aligned"]'::jsonb),
            'outputs', jsonb_build_object('difference', 'difference/' || name, 'score', 'score/' || name),
            'params', sky.stage_params(o, payload, 'difference'))));
END $$;
COMMENT ON FUNCTION sky.plan_differencing(bigint, bigint, jsonb) IS 'steps of a differencing job';
-- One step: ingest, with the instrument's row where the payload names it. Else the header tells the instrument, and if
-- its row maps keywords or gives an orientation the commit sends the file through once more with it.
CREATE FUNCTION sky.plan_ingestion(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    uri text := sky.text_field(payload, 'uri', 'payload', true);
    i   sky.instruments := sky.find_instrument(sky.text_field(payload, 'instrument', 'payload'));
BEGIN
    PERFORM sky.keep_choice(plan_ingestion.job_id, plan_ingestion.lease_id, jsonb_build_object('instrument', i.name, 'kind', payload -> 'kind'));
    RETURN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
        'stage', 'ingest', 'inputs', jsonb_build_object('image', jsonb_build_array(uri)), 'outputs', '{}'::jsonb,
        'params', sky.frame_params(payload, i) || COALESCE(payload -> 'params' -> 'ingest', '{}'))));
END $$;
COMMENT ON FUNCTION sky.plan_ingestion(bigint, bigint, jsonb) IS 'steps of an observation_ingestion job';
-- calibrate, with the calibration frames that are there, after a combine for each master that is wanting. While
-- calibration frames are just being ingested the job steps aside (snooze): sky.ingest() puts them before all others, so
-- that those running are all that can still be missing. The empty plan then ends at sky.commit, which finds the lease gone.
CREATE FUNCTION sky.plan_preprocessing(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o sky.observations := sky.payload_observation(payload);
    c record;
BEGIN
    IF sky.calibration_in_work() THEN
        PERFORM astrid.snooze(plan_preprocessing.job_id, plan_preprocessing.lease_id,
                              make_interval(secs => sky.setting_number('calibration_wait')));
        RETURN jsonb_build_object('steps', '[]'::jsonb, 'snoozed', 'calibration frames are being ingested');
    END IF;
    c := sky.plan_calibration(o, payload);
    PERFORM sky.keep_choice(plan_preprocessing.job_id, plan_preprocessing.lease_id, c.choice);
    RETURN jsonb_build_object('steps', c.steps || jsonb_build_object(
        'stage', 'calibrate',
        'inputs', jsonb_build_object('raw', jsonb_build_array(o.uri)) || c.inputs,
        'outputs', jsonb_build_object('image', format('calibrated/%s.fits', o.observation_id)),
        'params', sky.frame_params(o.payload || jsonb_build_object('hdu', o.hdu), sky.find_instrument(o.instrument))
            || sky.stage_params(o, payload, 'calibrate')));
END $$;
COMMENT ON FUNCTION sky.plan_preprocessing(bigint, bigint, jsonb) IS 'steps of a preprocessing job';
-- The handler "sky" may be given to any queue, by mistake.
CREATE FUNCTION sky.unknown_queue(queue_name text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM sky.refuse(format('queue "%s" is none of the pipeline''s', queue_name), NULL,
        'They are observation_ingestion, preprocessing, differencing, detection, curation and notification.');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION sky.unknown_queue(text) IS 'refuses a job of a queue that the pipeline does not know';
-- All rows at once; the error names the first bad one. Numbers that may be absent are null.
CREATE FUNCTION sky.check_detections(step jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    bad record;
BEGIN
    -- a stage that found nothing names no list
    IF jsonb_typeof(step -> 'records') IS DISTINCT FROM 'object'
       OR COALESCE(jsonb_typeof(step -> 'records' -> 'detections'), 'array') <> 'array' THEN
        PERFORM sky.refuse('result of stage "detect": field "records.detections" must be an array');
    END IF;
    SELECT r.n, f.name, r.e -> f.name AS value INTO bad
    FROM jsonb_array_elements(step -> 'records' -> 'detections') WITH ORDINALITY AS r (e, n),
         (VALUES ('x', true), ('y', true), ('flux', true), ('flux_err', true), ('snr', true), ('flags', true),
                 ('ra', false), ('dec', false), ('fwhm', false), ('ellipticity', false), ('score', false),
                 ('ap_flux', false), ('ap_flux_err', false), ('sci_flux', false), ('sci_flux_err', false),
                 ('ref_flux', false), ('ref_flux_err', false)) AS f (name, required)
    WHERE jsonb_typeof(r.e) <> 'object'
       OR CASE COALESCE(jsonb_typeof(r.e -> f.name), 'null')
              WHEN 'null' THEN f.required
              WHEN 'number' THEN abs((r.e ->> f.name)::numeric) > 1e300
                  OR (f.name IN ('flux_err') AND (r.e ->> f.name)::numeric <= 0)
                  OR (f.name IN ('snr') AND (r.e ->> f.name)::numeric < 0)
                  OR (f.name = 'ra' AND (r.e ->> f.name)::numeric NOT BETWEEN 0 AND 360)
                  OR (f.name = 'dec' AND (r.e ->> f.name)::numeric NOT BETWEEN -90 AND 90)
                  OR (f.name = 'flags' AND (r.e ->> f.name)::numeric NOT BETWEEN 0 AND 9e15)
              ELSE true END
    ORDER BY r.n LIMIT 1;
    IF FOUND THEN
        PERFORM sky.refuse(format('result of stage "detect": detection %s: field "%s" is missing or no possible number', bad.n, bad.name),
                           format('It is %s.', COALESCE(left(bad.value::text, 100), 'missing')));
    END IF;
END $$;
COMMENT ON FUNCTION sky.check_detections(jsonb) IS 'refuses the detections of a result where a field is missing or impossible, by number and name';
-- Writes what a job's steps found, enqueues what comes next and completes the job: all or nothing, under the lease.
CREATE FUNCTION sky.commit(job_id bigint, lease_id bigint, results jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    j    record;
    done jsonb;
BEGIN
    j := sky.leased_job(commit.job_id, commit.lease_id);
    done := CASE j.queue_name
        WHEN 'observation_ingestion' THEN sky.commit_ingestion(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'preprocessing' THEN sky.commit_preprocessing(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'differencing' THEN sky.commit_differencing(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'detection' THEN sky.commit_detection(commit.job_id, commit.lease_id, j.payload, j.priority, results)
        WHEN 'curation' THEN sky.commit_curation(j.payload, j.priority)
        WHEN 'notification' THEN sky.commit_notification(j.payload)
        ELSE sky.unknown_queue(j.queue_name) END;
    IF NOT astrid.complete(commit.job_id, commit.lease_id, done) THEN
        RAISE EXCEPTION 'lease %s of job %s is lost', lease_id, job_id USING ERRCODE = 'QJ001';
    END IF;
END $$;
COMMENT ON FUNCTION sky.commit(bigint, bigint, jsonb) IS 'writes the results of a job, enqueues the next and completes it, in one transaction';
-- Detections, their objects, and a curation task for each unflagged one.
CREATE FUNCTION sky.commit_detection(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o       sky.observations := sky.payload_observation(payload);
    step    jsonb := sky.stage_result(results, 'detect');
    touched bigint[];
    n       int;
    n_tasks int;
    next_id bigint;
BEGIN
    PERFORM sky.gate('detect', o, step -> 'result');
    PERFORM sky.check_detections(step);
    IF sky.output_field(step, 'detections', false) IS NOT NULL THEN
        PERFORM sky.record_image(o, 'detections', step, 'detections', commit_detection.job_id, commit_detection.lease_id);
    END IF;
    PERFORM sky.lock_detections(o.observation_id, step);
    touched := sky.remove_detections(o.observation_id);
    n := sky.insert_detections(o, step, commit_detection.job_id, commit_detection.lease_id);
    PERFORM sky.refresh_objects(touched || sky.associate(o.observation_id));
    INSERT INTO sky.curation_tasks (detection_id, observation_id, object_id)
    SELECT d.detection_id, d.observation_id, d.object_id FROM sky.detections d
    WHERE d.observation_id = o.observation_id AND d.flags = 0 ORDER BY d.detection_id;
    GET DIAGNOSTICS n_tasks = ROW_COUNT;
    PERFORM sky.record_runs(commit_detection.job_id, commit_detection.lease_id, o.observation_id, results);
    IF n_tasks > 0 THEN
        next_id := sky.enqueue_next(o, 'curation', priority);
    END IF;
    PERFORM sky.advance(o.observation_id, 'detection', next_id, CASE WHEN n_tasks = 0 THEN 'nothing unflagged was found' END);
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'detections', n, 'tasks', n_tasks,
                                                'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_detection(bigint, bigint, jsonb, int, jsonb) IS 'writes detections, objects and curation tasks; enqueues curation';
-- Aligned reference, difference and score, with the numbers that judge them.
CREATE FUNCTION sky.commit_differencing(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o       sky.observations := sky.payload_observation(payload);
    aligned jsonb := sky.stage_result(results, 'align');
    step    jsonb := sky.stage_result(results, 'difference');
    choice  jsonb := sky.take_choice(commit_differencing.job_id, commit_differencing.lease_id);
    d       sky.differences;
    next_id bigint;
BEGIN
    PERFORM sky.gate('align', o, aligned -> 'result');
    PERFORM sky.gate('difference', o, step -> 'result');
    d.observation_id := o.observation_id;
    d.job_id := commit_differencing.job_id;
    d.lease_id := commit_differencing.lease_id;
    d.reference_id := (choice ->> 'reference')::bigint;
    d.science_id := (choice ->> 'science')::bigint;
    d.aligned_id := sky.record_image(o, 'aligned', aligned, 'aligned', d.job_id, d.lease_id, choice);
    d.image_id := sky.record_image(o, 'difference', step, 'difference', d.job_id, d.lease_id, choice);
    IF sky.output_field(step, 'score', false) IS NOT NULL THEN
        d.score_id := sky.record_image(o, 'score', step, 'score', d.job_id, d.lease_id, choice);
    END IF;
    PERFORM sky.write_difference(d, aligned -> 'result', step -> 'result');
    PERFORM sky.record_runs(d.job_id, d.lease_id, o.observation_id, results);
    next_id := sky.enqueue_next(o, 'detection', priority, sky.handed_on(payload));
    PERFORM sky.advance(o.observation_id, 'differencing', next_id);
    RETURN jsonb_build_object('observation_id', o.observation_id, 'reference_id', d.reference_id, 'next_job_id', next_id);
END $$;
COMMENT ON FUNCTION sky.commit_differencing(bigint, bigint, jsonb, int, jsonb) IS 'writes a difference; enqueues detection';
-- The observation and its raw image. Calibration frames are filed and end here.
CREATE FUNCTION sky.commit_ingestion(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    step    jsonb := sky.stage_result(results, 'ingest');
    choice  jsonb := sky.take_choice(commit_ingestion.job_id, commit_ingestion.lease_id);
    o       sky.observations := sky.read_observation(payload, step -> 'result');
    known   sky.observations;
    next_id bigint;
BEGIN
    IF choice ->> 'instrument' IS NULL AND EXISTS (
            SELECT FROM sky.instruments i WHERE i.name = o.instrument AND (i.keywords <> '{}' OR i.orientation IS NOT NULL)) THEN
        RETURN jsonb_build_object('instrument', o.instrument, 'next_job_id', astrid.enqueue('observation_ingestion',
            payload || jsonb_build_object('instrument', o.instrument), priority => commit_ingestion.priority));
    END IF;
    PERFORM sky.gate('ingest', o, step -> 'result');
    o.job_id := commit_ingestion.job_id;
    o.lease_id := commit_ingestion.lease_id;
    known := o;
    o := sky.insert_observation(o, COALESCE(payload -> 'reprocess' = 'true', false));
    PERFORM sky.record_runs(commit_ingestion.job_id, commit_ingestion.lease_id, o.observation_id, results);
    IF o.job_id <> known.job_id THEN
        IF o.kind <> known.kind THEN
            PERFORM sky.refuse(format('observation %s is already there as kind %s, not %s', o.observation_id, o.kind, known.kind),
                NULL, 'To subtract with a science frame as the reference call sky.use_reference().');
        END IF;
        RETURN jsonb_build_object('observation_id', o.observation_id, 'duplicate', true);
    END IF;
    IF o.kind IN ('bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.file_calibration(o, payload, commit_ingestion.job_id, commit_ingestion.lease_id);
        PERFORM sky.advance(o.observation_id, 'observation_ingestion', NULL, 'filed as calibration frame');
    ELSE
        next_id := sky.enqueue_next(o, 'preprocessing', priority);
        PERFORM sky.advance(o.observation_id, 'observation_ingestion', next_id);
    END IF;
    PERFORM astrid.log(commit_ingestion.job_id, commit_ingestion.lease_id, 'warning', w) FROM unnest(o.warnings) AS w;
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_ingestion(bigint, bigint, jsonb, int, jsonb) IS 'writes an observation; enqueues preprocessing';
-- The calibrated image. A reference frame becomes a reference and wakes the science frames that waited for one; a
-- science frame goes on to differencing where a reference is there, else it waits with a note.
CREATE FUNCTION sky.commit_preprocessing(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o        sky.observations := sky.payload_observation(payload);
    step     jsonb := sky.stage_result(results, 'calibrate');
    choice   jsonb := sky.take_choice(commit_preprocessing.job_id, commit_preprocessing.lease_id);
    image_id bigint;
    next_id  bigint;
BEGIN
    PERFORM sky.gate('calibrate', o, step -> 'result');
    image_id := sky.record_image(o, 'calibrated', step, 'image', commit_preprocessing.job_id, commit_preprocessing.lease_id,
                                 choice - 'masters');
    PERFORM sky.file_masters(o, choice, results, commit_preprocessing.job_id, commit_preprocessing.lease_id);
    PERFORM sky.record_runs(commit_preprocessing.job_id, commit_preprocessing.lease_id, o.observation_id, results);
    IF o.kind = 'reference' THEN
        PERFORM sky.advance(o.observation_id, 'preprocessing', NULL, 'in use as reference');
        RETURN jsonb_build_object('observation_id', o.observation_id, 'image_id', image_id,
                                  'released', sky.install_reference(o, image_id, priority));
    END IF;
    PERFORM sky.lock_references(alone => false);
    IF sky.find_reference(o, payload) IS NOT NULL THEN
        next_id := sky.enqueue_next(o, 'differencing', priority, sky.handed_on(payload));
        PERFORM sky.advance(o.observation_id, 'preprocessing', next_id);
    ELSE
        PERFORM sky.advance(o.observation_id, 'preprocessing', NULL, sky.no_reference_note(o));
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'image_id', image_id, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_preprocessing(bigint, bigint, jsonb, int, jsonb) IS 'writes a calibrated image; enqueues differencing or installs a reference';
-- A bad pixel map is one file by nature; a bias, dark or flat is a master only if the user says so.
CREATE FUNCTION sky.file_calibration(o sky.observations, payload jsonb, job_id bigint, lease_id bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.calibration_frames (observation_id, kind, is_master, uri, hdu, sha256, instrument, band, exptime,
                                        binning, width, height, mjd_mid_tai, job_id, lease_id)
    VALUES (o.observation_id, o.kind, o.kind = 'bpm' OR COALESCE(payload -> 'master' = 'true', false), o.uri, o.hdu,
            o.sha256, o.instrument, o.band, o.exptime, o.ingest ->> 'binning', o.width, o.height, o.mjd_mid_tai,
            file_calibration.job_id, file_calibration.lease_id)
    ON CONFLICT (observation_id) DO UPDATE SET kind = EXCLUDED.kind, is_master = EXCLUDED.is_master, uri = EXCLUDED.uri,
        instrument = EXCLUDED.instrument, band = EXCLUDED.band, exptime = EXCLUDED.exptime, binning = EXCLUDED.binning,
        mjd_mid_tai = EXCLUDED.mjd_mid_tai, job_id = EXCLUDED.job_id, lease_id = EXCLUDED.lease_id
$$;
COMMENT ON FUNCTION sky.file_calibration(sky.observations, jsonb, bigint, bigint) IS 'files an observation as a calibration frame';
-- Masters are known by the frames they rest on. Who comes second with the same one leaves the first one's in place.
CREATE FUNCTION sky.file_masters(o sky.observations, choice jsonb, results jsonb, job_id bigint, lease_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    master jsonb;
    step   jsonb;
    output jsonb;
BEGIN
    FOR master IN SELECT m FROM jsonb_array_elements(choice -> 'masters') AS m LOOP
        step := results -> (master ->> 'step')::int;
        IF step ->> 'stage' IS DISTINCT FROM 'combine' THEN
            PERFORM sky.refuse(format('results hold no step of the stage "combine" for the master %s', master ->> 'kind'));
        END IF;
        output := sky.output_field(step, 'master');
        INSERT INTO sky.calibration_frames (kind, is_master, made_from, uri, sha256, instrument, band, exptime, binning,
                                            width, height, mjd_mid_tai, job_id, lease_id)
        SELECT master ->> 'kind', true, ARRAY(SELECT jsonb_array_elements_text(master -> 'made_from')::bigint), output ->> 'uri',
               output ->> 'sha256', o.instrument, c.band, c.exptime, c.binning,
               COALESCE(sky.integer_field(step -> 'result', 'naxis1', 'combine'), c.width),
               COALESCE(sky.integer_field(step -> 'result', 'naxis2', 'combine'), c.height), c.mjd_mid_tai,
               file_masters.job_id, file_masters.lease_id
        FROM sky.calibration_frames c WHERE c.calibration_id = (choice -> (master ->> 'kind') ->> 0)::bigint
        ON CONFLICT (kind, made_from) WHERE is_master DO NOTHING;
    END LOOP;
END $$;
COMMENT ON FUNCTION sky.file_masters(sky.observations, jsonb, jsonb, bigint, bigint) IS 'files the masters that a plan had combined';
-- What of a payload concerns the later jobs too.
CREATE FUNCTION sky.handed_on(payload jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('params', payload -> 'params', 'reference', payload -> 'reference'))
$$;
COMMENT ON FUNCTION sky.handed_on(jsonb) IS 'the parts of a payload that the next job gets too';
-- What the header did not say in words we know, each with the statement that teaches them.
CREATE FUNCTION sky.header_warnings(o sky.observations, i sky.instruments, result jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT array_agg(t) FROM jsonb_array_elements_text(
                         CASE WHEN jsonb_typeof(result -> 'warnings') = 'array' THEN result -> 'warnings' ELSE '[]' END) AS t), '{}')
        || COALESCE((SELECT array_agg(format('no %s found in the header: %s', missing.name,
                 sky.teach_statement(i, o.instrument, 'keywords', jsonb_build_object(missing.name, 'KEYWORD'))))
             FROM (VALUES ('date_obs', o.mjd_mid_tai::text), ('exptime', o.exptime::text), ('filter', o.band)) AS missing (name, value)
             WHERE missing.value IS NULL AND o.kind IN ('science', 'reference')), '{}')
$$;
COMMENT ON FUNCTION sky.header_warnings(sky.observations, sky.instruments, jsonb) IS 'what is odd about a header, with the row to add to sky.instruments';
-- AB magnitudes and nJy (Oke & Gunn 1983, ApJ 266, 713): m = zero_point - 2.5 lg flux = 31.4 - 2.5 lg (flux / nJy).
CREATE FUNCTION sky.insert_detections(o sky.observations, step jsonb, job_id bigint, lease_id bigint) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    d        sky.differences;
    zero     float8;
    njy      float8;
    unit     text;
    n        int;
BEGIN
    SELECT * INTO d FROM sky.differences s WHERE s.observation_id = o.observation_id;
    SELECT i.zero_point, COALESCE(i.quality ->> 'bunit', 'electron') INTO zero, unit FROM sky.images i WHERE i.image_id = d.science_id;
    njy := pow(10, 0.4 * (31.4 - zero));
    INSERT INTO sky.detections (observation_id, difference_id, ra, dec, x, y, mjd_mid_tai, band, flux, flux_err, flux_unit,
        flux_njy, flux_njy_err, mag, mag_err, snr, fwhm, ellipticity, score, flags, ap_flux, ap_flux_err,
        sci_flux, sci_flux_err, ref_flux, ref_flux_err, cutouts, job_id, lease_id)
    SELECT o.observation_id, d.difference_id, CASE WHEN r.dec IS NULL THEN NULL WHEN r.ra = 360 THEN 0 ELSE r.ra END,
        CASE WHEN r.ra IS NOT NULL THEN r.dec END, r.x, r.y, o.mjd_mid_tai, o.band, r.flux, r.flux_err, unit,
        r.flux * njy, r.flux_err * njy,
        CASE WHEN r.flux > 0 THEN zero - 2.5 * log(r.flux) END,
        CASE WHEN r.flux > 0 AND zero IS NOT NULL THEN 2.5 / ln(10) * r.flux_err / r.flux END,
        r.snr, r.fwhm, r.ellipticity, r.score, r.flags::bigint, r.ap_flux, r.ap_flux_err,
        r.sci_flux, r.sci_flux_err, r.ref_flux, r.ref_flux_err, r.cutouts,
        insert_detections.job_id, insert_detections.lease_id
    FROM jsonb_to_recordset(step -> 'records' -> 'detections') AS r (x float8, y float8, ra float8, dec float8, flux float8,
        flux_err float8, snr float8, fwhm float8, ellipticity float8, score float8, flags float8, ap_flux float8,
        ap_flux_err float8, sci_flux float8, sci_flux_err float8, ref_flux float8, ref_flux_err float8, cutouts jsonb);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
COMMENT ON FUNCTION sky.insert_detections(sky.observations, jsonb, bigint, bigint) IS 'writes the detections of a result; their number';
-- By content: of two jobs that hand in the same file the second one waits here and gets the first one's row. To replace
-- it ("reprocess": true in the payload) is how an edited sky.instruments reaches frames that are already there.
CREATE FUNCTION sky.insert_observation(o sky.observations, replace boolean) RETURNS sky.observations
LANGUAGE plpgsql AS $$
DECLARE
    kept sky.observations;
BEGIN
    INSERT INTO sky.observations (uri, hdu, sha256, bytes, kind, instrument, object, imagetyp, band, filter, date_obs,
        mjd_mid_tai, exptime, gain, read_noise, saturation, bunit, width, height, ra, dec, radius, footprint, pixel_scale,
        wcs_approx, ingest, payload, warnings, job_id, lease_id)
    VALUES (o.uri, o.hdu, o.sha256, o.bytes, o.kind, o.instrument, o.object, o.imagetyp, o.band, o.filter, o.date_obs,
        o.mjd_mid_tai, o.exptime, o.gain, o.read_noise, o.saturation, o.bunit, o.width, o.height, o.ra, o.dec, o.radius,
        o.footprint, o.pixel_scale, o.wcs_approx, o.ingest, o.payload, o.warnings, o.job_id, o.lease_id)
    ON CONFLICT (sha256, hdu) DO UPDATE SET uri = EXCLUDED.uri, kind = EXCLUDED.kind, instrument = EXCLUDED.instrument,
        object = EXCLUDED.object, imagetyp = EXCLUDED.imagetyp, band = EXCLUDED.band, filter = EXCLUDED.filter,
        date_obs = EXCLUDED.date_obs, mjd_mid_tai = EXCLUDED.mjd_mid_tai, exptime = EXCLUDED.exptime, gain = EXCLUDED.gain,
        read_noise = EXCLUDED.read_noise, saturation = EXCLUDED.saturation, bunit = EXCLUDED.bunit, ra = EXCLUDED.ra,
        dec = EXCLUDED.dec, radius = EXCLUDED.radius, footprint = EXCLUDED.footprint, pixel_scale = EXCLUDED.pixel_scale,
        wcs_approx = EXCLUDED.wcs_approx, ingest = EXCLUDED.ingest, payload = EXCLUDED.payload, warnings = EXCLUDED.warnings,
        job_id = EXCLUDED.job_id, lease_id = EXCLUDED.lease_id
    WHERE replace RETURNING * INTO kept;
    IF kept.observation_id IS NULL THEN
        SELECT * INTO kept FROM sky.observations s WHERE s.sha256 = o.sha256 AND s.hdu = o.hdu;
        RETURN kept;
    END IF;
    DELETE FROM sky.images i WHERE i.observation_id = kept.observation_id AND i.kind = 'raw';
    INSERT INTO sky.images (observation_id, kind, uri, hdu, sha256, bytes, width, height, instrument, object, band,
        mjd_mid_tai, ra, dec, radius, footprint, quality, job_id, lease_id)
    VALUES (kept.observation_id, 'raw', o.uri, o.hdu, o.sha256, o.bytes, o.width, o.height, o.instrument, o.object, o.band,
        o.mjd_mid_tai, o.ra, o.dec, o.radius, o.footprint,
        jsonb_strip_nulls(jsonb_build_object('finite', o.ingest -> 'finite', 'min', o.ingest -> 'min',
                                             'max', o.ingest -> 'max', 'mean', o.ingest -> 'mean')), o.job_id, o.lease_id);
    RETURN kept;
END $$;
COMMENT ON FUNCTION sky.insert_observation(sky.observations, boolean) IS 'writes an observation with its raw image; where one has the same content gives that, or replaces it';
-- Makes a calibrated image a reference and sends on the science frames that waited for one.
CREATE FUNCTION sky.install_reference(o sky.observations, image_id bigint, priority int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    waiting sky.observations;
    n       int := 0;
BEGIN
    PERFORM sky.lock_references(alone => true);
    -- a second run of the same frame takes the place of the first
    UPDATE sky.images i SET retired_at = clock_timestamp()
    WHERE i.observation_id = o.observation_id AND i.kind = 'reference' AND i.retired_at IS NULL;
    INSERT INTO sky.images (observation_id, kind, uri, hdu, sha256, bytes, width, height, instrument, object, band, mjd_mid_tai,
                            ra, dec, radius, footprint, fwhm, ellipticity, sky_level, sky_rms, n_sources, zero_point, m5,
                            quality, made_from, job_id, lease_id)
    SELECT i.observation_id, 'reference', i.uri, i.hdu, i.sha256, i.bytes, i.width, i.height, i.instrument, i.object, i.band,
           i.mjd_mid_tai, i.ra, i.dec, i.radius, i.footprint, i.fwhm, i.ellipticity, i.sky_level, i.sky_rms, i.n_sources,
           i.zero_point, i.m5, i.quality, i.made_from, i.job_id, i.lease_id
    FROM sky.images i WHERE i.image_id = install_reference.image_id;
    FOR waiting IN SELECT * FROM sky.observations s
                   WHERE s.kind = 'science' AND s.stage = 'preprocessing' AND s.next_job_id IS NULL
                     AND s.observation_id <> o.observation_id
                     AND (s.band IS NOT DISTINCT FROM o.band OR s.payload ? 'reference')
                   ORDER BY s.observation_id LOOP
        IF sky.find_reference(waiting) IS NOT NULL THEN
            PERFORM sky.advance(waiting.observation_id, 'preprocessing', sky.enqueue_next(waiting, 'differencing', priority));
            n := n + 1;
        END IF;
    END LOOP;
    RETURN n;
END $$;
COMMENT ON FUNCTION sky.install_reference(sky.observations, bigint, int) IS 'makes an image a reference; number of waiting observations it released';
-- Says what to do, for sky.observation_status.
CREATE FUNCTION sky.no_reference_note(o sky.observations) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('no reference for this sky in band %s: ingest one with "kind": "reference", or make one with coadd from the '
                  'best frames, or call sky.use_reference(observation_id); it then goes on by itself', COALESCE(o.band, 'unknown'))
$$;
COMMENT ON FUNCTION sky.no_reference_note(sky.observations) IS 'what an observation that waits for a reference says';
-- The ingest result as a row: the payload's words first, then the instrument's, then the header's.
CREATE FUNCTION sky.read_observation(payload jsonb, result jsonb) RETURNS sky.observations
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o sky.observations;
    i sky.instruments;
    w record;
BEGIN
    o.instrument := COALESCE(sky.text_field(payload, 'instrument', 'payload'), sky.text_field(result, 'instrument', 'ingest'));
    i := sky.find_instrument(o.instrument);
    o.instrument := COALESCE(i.name, o.instrument);
    o.uri := sky.text_field(payload, 'uri', 'payload', true);
    o.hdu := sky.integer_field(result, 'hdu', 'ingest', true);
    o.sha256 := sky.text_field(result, 'sha256', 'ingest', true);
    o.bytes := sky.integer_field(result, 'bytes', 'ingest');
    o.width := sky.integer_field(result, 'naxis1', 'ingest', true);
    o.height := sky.integer_field(result, 'naxis2', 'ingest', true);
    o.object := COALESCE(sky.text_field(payload, 'object', 'payload'), sky.text_field(result, 'object', 'ingest'));
    o.imagetyp := sky.text_field(result, 'imagetyp', 'ingest');
    o.filter := sky.text_field(result, 'filter', 'ingest');
    o.band := COALESCE(sky.text_field(payload, 'band', 'payload'), i.band_map ->> o.filter,
                       sky.text_field(result, 'band', 'ingest'), o.filter);
    o.date_obs := sky.text_field(result, 'date_obs', 'ingest');
    o.mjd_mid_tai := COALESCE(sky.number_field(payload, 'mjd_mid_tai', 'payload'), sky.number_field(result, 'mjd_mid_tai', 'ingest'));
    o.exptime := sky.number_field(result, 'exptime', 'ingest');
    o.gain := COALESCE(i.gain, sky.number_field(result, 'gain', 'ingest'));
    o.read_noise := COALESCE(i.read_noise, sky.number_field(result, 'read_noise', 'ingest'));
    o.saturation := COALESCE(i.saturation, sky.number_field(result, 'saturation', 'ingest'));
    o.bunit := sky.text_field(result, 'bunit', 'ingest');
    o.kind := sky.frame_kind(payload, result, i);
    w := sky.wcs_footprint(CASE WHEN jsonb_typeof(result -> 'wcs') = 'object' THEN result -> 'wcs' END);
    o.ra := w.ra;
    o.dec := w.dec;
    o.radius := w.radius;
    o.footprint := w.footprint;
    o.pixel_scale := w.pixel_scale;
    o.wcs_approx := w.approx;
    o.ingest := result;
    o.payload := payload;
    o.warnings := sky.header_warnings(o, i, result);
    RETURN o;
END $$;
COMMENT ON FUNCTION sky.read_observation(jsonb, jsonb) IS 'payload and ingest result as a row of sky.observations';
-- A second run replaces. The objects stay until the new detections have joined them, so that they keep their numbers and
-- thereby their votes.
CREATE FUNCTION sky.remove_detections(observation_id bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    object_ids bigint[];
BEGIN
    DELETE FROM sky.curation_tasks c WHERE c.observation_id = remove_detections.observation_id;
    WITH gone AS (
        DELETE FROM sky.detections d WHERE d.observation_id = remove_detections.observation_id RETURNING d.object_id)
    SELECT COALESCE(array_agg(DISTINCT g.object_id), '{}') INTO object_ids FROM gone g WHERE g.object_id IS NOT NULL;
    RETURN object_ids;
END $$;
COMMENT ON FUNCTION sky.remove_detections(bigint) IS 'removes the detections and tasks of an observation; the objects they belonged to';
-- One difference per observation; its number stays through a second run.
CREATE FUNCTION sky.write_difference(d sky.differences, aligned jsonb, result jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.differences (observation_id, reference_id, science_id, aligned_id, image_id, score_id, algorithm, convolved,
        kernel_sum, n_stamps, z_mad, z_std, used_fraction, lag1, n_match, residual_px, fit_order, quality, job_id, lease_id)
    VALUES (d.observation_id, d.reference_id, d.science_id, d.aligned_id, d.image_id, d.score_id,
        sky.text_field(result, 'algorithm', 'difference'), sky.text_field(result, 'convolved', 'difference'),
        sky.number_field(result, 'kernel_sum', 'difference'), sky.integer_field(result, 'n_stamps', 'difference'),
        sky.number_field(result, 'z_mad', 'difference'), sky.number_field(result, 'z_std', 'difference'),
        sky.number_field(result, 'used_fraction', 'difference'), sky.number_field(result, 'lag1', 'difference'),
        sky.integer_field(aligned, 'n_match', 'align'), sky.number_field(aligned, 'residual_px', 'align'),
        sky.integer_field(aligned, 'order', 'align'),
        jsonb_build_object('align', aligned, 'difference', result), d.job_id, d.lease_id)
    ON CONFLICT (observation_id) DO UPDATE SET
        reference_id = EXCLUDED.reference_id, science_id = EXCLUDED.science_id, aligned_id = EXCLUDED.aligned_id,
        image_id = EXCLUDED.image_id, score_id = EXCLUDED.score_id, algorithm = EXCLUDED.algorithm,
        convolved = EXCLUDED.convolved, kernel_sum = EXCLUDED.kernel_sum, n_stamps = EXCLUDED.n_stamps,
        z_mad = EXCLUDED.z_mad, z_std = EXCLUDED.z_std, used_fraction = EXCLUDED.used_fraction, lag1 = EXCLUDED.lag1,
        n_match = EXCLUDED.n_match, residual_px = EXCLUDED.residual_px, fit_order = EXCLUDED.fit_order,
        quality = EXCLUDED.quality, job_id = EXCLUDED.job_id, lease_id = EXCLUDED.lease_id, created_at = clock_timestamp()
$$;
COMMENT ON FUNCTION sky.write_difference(sky.differences, jsonb, jsonb) IS 'writes the difference of an observation, in place of an older one';
-- Sorts the new tasks of an observation: below the thresholds they stay new; else they are candidates, or what people
-- said of the same object before, or confirmed by the rule of auto_accept.
CREATE FUNCTION sky.commit_curation(payload jsonb, priority int) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o          sky.observations := sky.payload_observation(payload);
    t          record;
    candidates int := 0;
    next_id    bigint;
BEGIN
    FOR t IN SELECT c.task_id, d FROM sky.curation_tasks c JOIN sky.detections d USING (detection_id)
             WHERE c.observation_id = o.observation_id AND c.state = 'new' ORDER BY c.task_id LOOP
        IF sky.is_candidate(t.d, o) THEN
            UPDATE sky.curation_tasks c SET state = 'candidate', updated_at = clock_timestamp() WHERE c.task_id = t.task_id;
            PERFORM sky.judge_by_rule(t.task_id, t.d);
            candidates := candidates + 1;
        END IF;
    END LOOP;
    next_id := sky.enqueue_notification(o, priority);
    PERFORM sky.advance(o.observation_id, 'curation', next_id, CASE WHEN next_id IS NULL THEN 'no accepted candidate' END);
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'candidates', candidates, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_curation(jsonb, int) IS 'sorts the curation tasks of an observation; enqueues notification for accepted ones';
-- NOTIFY is sent by the commit of this transaction: an alert is heard if and only if notified_at is set.
CREATE FUNCTION sky.commit_notification(payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o sky.observations := sky.payload_observation(payload);
    d sky.detections;
    n int := 0;
BEGIN
    FOR d IN SELECT s.* FROM sky.detections s JOIN sky.curation_tasks c USING (detection_id)
             WHERE c.observation_id = o.observation_id AND c.state = 'confirmed' AND c.notified_at IS NULL
             ORDER BY s.detection_id FOR UPDATE OF c LOOP
        PERFORM pg_notify('astrid_alerts', jsonb_build_object('detection_id', d.detection_id, 'object_id', d.object_id,
            'observation_id', d.observation_id, 'ra', d.ra, 'dec', d.dec, 'band', d.band, 'mjd_mid_tai', d.mjd_mid_tai,
            'snr', d.snr, 'mag', d.mag)::text);
        UPDATE sky.curation_tasks c SET notified_at = clock_timestamp() WHERE c.detection_id = d.detection_id;
        n := n + 1;
    END LOOP;
    PERFORM sky.advance(o.observation_id, 'notification', NULL, format('alerts sent: %s', n));
    RETURN jsonb_build_object('observation_id', o.observation_id, 'alerts', n);
END $$;
COMMENT ON FUNCTION sky.commit_notification(jsonb) IS 'sends NOTIFY astrid_alerts for the accepted candidates of an observation';
-- One job per observation sends all alerts that are due; what is confirmed while it runs gets a job of its own.
CREATE FUNCTION sky.enqueue_notification(o sky.observations, priority int) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sky.curation_tasks c
                   WHERE c.observation_id = o.observation_id AND c.state = 'confirmed' AND c.notified_at IS NULL) THEN
        RETURN NULL;
    END IF;
    RETURN astrid.enqueue('notification', jsonb_build_object('uri', o.uri, 'observation_id', o.observation_id),
                          priority => enqueue_notification.priority);
END $$;
COMMENT ON FUNCTION sky.enqueue_notification(sky.observations, int) IS 'enqueues the alerts of an observation that are due; null where none is';
-- The thresholds of stage "curation" look at the detection's own columns; only those listed here.
CREATE FUNCTION sky.is_candidate(d sky.detections, o sky.observations) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM sky.quality_thresholds t, LATERAL (SELECT (to_jsonb(d) ->> t.metric)::float8) AS v (value)
        WHERE t.stage = 'curation' AND t.enabled
          AND t.metric IN ('snr', 'score', 'fwhm', 'ellipticity', 'mag', 'flux', 'flux_njy')
          AND (t.instrument IS NULL OR t.instrument = o.instrument) AND (t.band IS NULL OR t.band = o.band)
          AND (v.value < t.minimum OR v.value > t.maximum OR (v.value IS NULL AND t.required)))
$$;
COMMENT ON FUNCTION sky.is_candidate(sky.detections, sky.observations) IS 'does a detection pass the thresholds of stage curation?';
-- What people said of an object goes before what the rule says of its S/N.
CREATE FUNCTION sky.judge_by_rule(task_id bigint, d sky.detections) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    earlier   sky.curation_votes;
    min_snr   float8 := sky.setting_number('auto_accept_snr');
    min_score float8 := sky.setting_number('auto_accept_score');
BEGIN
    SELECT * INTO earlier FROM sky.curation_votes v
    WHERE v.object_id = d.object_id AND NOT v.is_rule ORDER BY v.vote_id DESC LIMIT 1;
    IF earlier.vote_id IS NOT NULL THEN
        PERFORM sky.record_vote(judge_by_rule.task_id, earlier.verdict, format('as vote %s on the same object', earlier.vote_id), 'earlier vote', true);
    ELSIF d.snr >= min_snr AND (min_score IS NULL OR d.score >= min_score) THEN
        PERFORM sky.record_vote(judge_by_rule.task_id, 'confirmed', format('S/N at least %s', min_snr), 'auto_accept', true);
    END IF;
END $$;
COMMENT ON FUNCTION sky.judge_by_rule(bigint, sky.detections) IS 'votes on a candidate as people did on its object before, or by the rule of auto_accept_snr';
-- Votes are added, never changed; the task's state follows the last one.
CREATE FUNCTION sky.record_vote(task_id bigint, verdict text, reason text, voter text, is_rule boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    UPDATE sky.curation_tasks c SET state = record_vote.verdict, reason = record_vote.reason, updated_at = clock_timestamp()
    WHERE c.task_id = record_vote.task_id;
    INSERT INTO sky.curation_votes (task_id, detection_id, object_id, verdict, reason, voter, is_rule)
    SELECT c.task_id, c.detection_id, c.object_id, record_vote.verdict, record_vote.reason, record_vote.voter, record_vote.is_rule
    FROM sky.curation_tasks c WHERE c.task_id = record_vote.task_id RETURNING vote_id INTO id;
    RETURN id;
END $$;
COMMENT ON FUNCTION sky.record_vote(bigint, text, text, text, boolean) IS 'adds a vote and moves the task to its verdict; its vote_id';
-- The friendly way in: the payload by arguments, and calibration frames before references before science.
CREATE FUNCTION sky.ingest(uri text, kind text DEFAULT NULL, more jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kind IS NOT NULL AND kind NOT IN ('science', 'reference', 'bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.refuse(format('kind of frame "%s" is not known', kind), 'Known are science, reference, bias, dark, flat and bpm.');
    END IF;
    RETURN astrid.enqueue('observation_ingestion',
        COALESCE(more, '{}') || jsonb_strip_nulls(jsonb_build_object('uri', ingest.uri, 'kind', ingest.kind)),
        priority => CASE WHEN kind IN ('bias', 'dark', 'flat', 'bpm') THEN -20 WHEN kind = 'reference' THEN -10 ELSE 0 END);
END $$;
COMMENT ON FUNCTION sky.ingest(text, text, jsonb) IS 'enqueues a file on observation_ingestion, calibration frames and references first; its job_id';
-- Rows are made here and not by the extension script: rows of a script in a dumped table would break pg_restore.
CREATE FUNCTION sky.install_defaults() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- the six queues are shipped by astrid, which knows them as worker types
    PERFORM astrid.install_defaults();
    INSERT INTO sky.settings (name, value, description)
    SELECT d.name, d.value, d.description FROM sky.default_settings() d ON CONFLICT (name) DO NOTHING;
    INSERT INTO sky.quality_thresholds (stage, metric, minimum, maximum, description)
    SELECT v.stage, v.metric, v.minimum, v.maximum, v.description
    FROM (VALUES ('calibrate', 'masked_fraction', NULL::float8, 0.6::float8, 'fraction; more leaves too little to subtract'),
                 ('calibrate', 'saturated_fraction', NULL, 0.2, 'fraction; twilight or a lamp'),
                 ('calibrate', 'fwhm', 0.8, 25, 'px; below: not sampled, or no star; above: defocused'),
                 ('calibrate', 'ellipticity', NULL, 0.7, '1 - b/a; trailed'),
                 ('align', 'residual_px', NULL, 2, 'px; a wrong match'),
                 ('difference', 'used_fraction', 0.1, NULL, 'fraction of the overlap'),
                 ('curation', 'snr', 5, NULL, 'detections below stay new')) AS v (stage, metric, minimum, maximum, description)
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION sky.install_defaults() IS 'the six queues, the settings and the quality thresholds as shipped; leaves rows that are there';
-- Differences made with it stay as they are.
CREATE FUNCTION sky.retire_reference(reference_id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sky.lock_references(alone => true);
    UPDATE sky.images i SET retired_at = clock_timestamp()
    WHERE i.image_id = retire_reference.reference_id AND i.kind = 'reference' AND i.retired_at IS NULL;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION sky.retire_reference(bigint) IS 'no longer subtracts with a reference; false where it is none';
-- By number of the observation: people know frames, not images.
CREATE FUNCTION sky.use_reference(observation_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o sky.observations := sky.payload_observation(jsonb_build_object('observation_id', observation_id));
    i sky.images := sky.latest_image(o.observation_id, 'calibrated');
BEGIN
    PERFORM sky.install_reference(o, i.image_id, NULL);
    RETURN (SELECT r.image_id FROM sky.images r
            WHERE r.observation_id = o.observation_id AND r.kind = 'reference' AND r.retired_at IS NULL);
END $$;
COMMENT ON FUNCTION sky.use_reference(bigint) IS 'takes the calibrated image of an observation as a reference; frames that waited for one go on; its reference_id';
-- The way in for people and dashboards. A confirmed detection is notified once.
CREATE FUNCTION sky.vote(task_id bigint, verdict text, reason text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t  sky.curation_tasks;
    id bigint;
BEGIN
    IF verdict IS NULL OR verdict NOT IN ('confirmed', 'rejected', 'ambiguous') THEN
        PERFORM sky.refuse(format('verdict %s is not known', COALESCE(quote_literal(verdict), 'null')), 'Known are confirmed, rejected and ambiguous.');
    END IF;
    SELECT * INTO t FROM sky.curation_tasks c WHERE c.task_id = vote.task_id FOR UPDATE;
    IF t.task_id IS NULL THEN
        PERFORM sky.refuse(format('no curation task %s', task_id));
    END IF;
    id := sky.record_vote(t.task_id, verdict, reason, session_user, false);
    IF verdict = 'confirmed' AND t.notified_at IS NULL THEN
        PERFORM sky.enqueue_notification(o, NULL) FROM sky.observations o WHERE o.observation_id = t.observation_id;
    END IF;
    RETURN id;
END $$;
COMMENT ON FUNCTION sky.vote(bigint, text, text) IS 'a verdict on a curation task: confirmed, rejected or ambiguous; confirmed ones are notified; its vote_id';
CREATE VIEW sky.light_curve AS
SELECT d.object_id, d.mjd_mid_tai AS mjd, d.band, d.flux, d.flux_err, d.flux_unit, d.flux_njy, d.flux_njy_err, d.mag, d.mag_err,
       d.snr, d.detection_id, d.observation_id
FROM sky.detections d
WHERE d.object_id IS NOT NULL AND d.flags = 0;
COMMENT ON VIEW sky.light_curve IS 'unflagged detections of each object in time; flux is the change against the reference';
COMMENT ON COLUMN sky.light_curve.object_id IS 'object';
COMMENT ON COLUMN sky.light_curve.mjd IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.light_curve.band IS 'band';
COMMENT ON COLUMN sky.light_curve.flux IS 'signed change of flux against the reference, in flux_unit';
COMMENT ON COLUMN sky.light_curve.flux_err IS '1 sigma';
COMMENT ON COLUMN sky.light_curve.flux_unit IS 'unit of flux';
COMMENT ON COLUMN sky.light_curve.flux_njy IS 'flux in nJy; null without a zero point';
COMMENT ON COLUMN sky.light_curve.flux_njy_err IS '1 sigma in nJy';
COMMENT ON COLUMN sky.light_curve.mag IS 'AB; null without a zero point or where flux <= 0';
COMMENT ON COLUMN sky.light_curve.mag_err IS '1 sigma';
COMMENT ON COLUMN sky.light_curve.snr IS 'S/N';
COMMENT ON COLUMN sky.light_curve.detection_id IS 'detection';
COMMENT ON COLUMN sky.light_curve.observation_id IS 'observation';
-- Where is each observation, and why did it stop? The job that carries on is known by number, so this joins by key.
-- Files that were refused at ingestion have no observation: they are told from their dead jobs.
CREATE VIEW sky.observation_status AS
SELECT o.observation_id, o.uri, o.kind, o.instrument, o.band, o.mjd_mid_tai, o.stage AS finished_stage,
       j.queue_name AS next_stage, o.next_job_id AS job_id,
       CASE WHEN o.next_job_id IS NULL AND o.kind = 'science' AND o.stage = 'preprocessing' THEN 'waiting'
            WHEN o.next_job_id IS NULL THEN 'finished'
            WHEN j.state IS NULL THEN 'gone'
            WHEN j.state = 'dead' THEN 'stopped'
            ELSE j.state::text END AS state,
       CASE WHEN o.next_job_id IS NULL THEN o.note ELSE j.error END AS reason,
       (SELECT count(*) FROM sky.detections d WHERE d.observation_id = o.observation_id) AS n_detections,
       o.warnings, o.created_at, o.updated_at
FROM sky.observations o
LEFT JOIN astrid.job_status j ON j.job_id = o.next_job_id
UNION ALL
SELECT NULL, j.payload ->> 'uri', j.payload ->> 'kind', j.payload ->> 'instrument', j.payload ->> 'band', NULL, NULL,
       j.queue_name, j.job_id, 'stopped', j.error, 0, '{}', j.enqueued_at, j.finished_at
FROM astrid.dead_letters j
WHERE j.queue_name = 'observation_ingestion';
COMMENT ON VIEW sky.observation_status IS 'how far each observation is, and why it stopped there';
COMMENT ON COLUMN sky.observation_status.observation_id IS 'observation; null for a file that ingestion refused';
COMMENT ON COLUMN sky.observation_status.uri IS 'file';
COMMENT ON COLUMN sky.observation_status.kind IS 'science, reference, bias, dark, flat or bpm';
COMMENT ON COLUMN sky.observation_status.instrument IS 'instrument';
COMMENT ON COLUMN sky.observation_status.band IS 'band';
COMMENT ON COLUMN sky.observation_status.mjd_mid_tai IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.observation_status.finished_stage IS 'queue that was finished last';
COMMENT ON COLUMN sky.observation_status.next_stage IS 'queue of the job that carries on, or that stopped';
COMMENT ON COLUMN sky.observation_status.job_id IS 'that job';
COMMENT ON COLUMN sky.observation_status.state IS 'state of that job; stopped: it is dead; waiting: for a reference; finished: nothing is left to do; gone: its job is no longer kept';
COMMENT ON COLUMN sky.observation_status.reason IS 'why it stopped or waits';
COMMENT ON COLUMN sky.observation_status.n_detections IS 'detections, flagged ones too';
COMMENT ON COLUMN sky.observation_status.warnings IS 'what was odd about the header';
COMMENT ON COLUMN sky.observation_status.created_at IS 'when it was ingested or enqueued';
COMMENT ON COLUMN sky.observation_status.updated_at IS 'when it moved last';
CREATE VIEW sky.reference_images AS
SELECT i.image_id AS reference_id, i.observation_id, i.uri, i.sha256, i.band, i.instrument, i.object, i.mjd_mid_tai,
       i.ra, i.dec, i.radius, i.footprint, i.width, i.height, i.fwhm, i.sky_rms, i.zero_point, i.m5, i.quality,
       i.retired_at IS NULL AS in_use, i.created_at, i.retired_at
FROM sky.images i
WHERE i.kind = 'reference';
COMMENT ON VIEW sky.reference_images IS 'images that science frames are subtracted from';
COMMENT ON COLUMN sky.reference_images.reference_id IS 'number of the image';
COMMENT ON COLUMN sky.reference_images.observation_id IS 'observation it was made from';
COMMENT ON COLUMN sky.reference_images.uri IS 'where the file is';
COMMENT ON COLUMN sky.reference_images.sha256 IS 'SHA-256 of the file, hexadecimal';
COMMENT ON COLUMN sky.reference_images.band IS 'band; must be that of the science frame';
COMMENT ON COLUMN sky.reference_images.instrument IS 'instrument';
COMMENT ON COLUMN sky.reference_images.object IS 'target';
COMMENT ON COLUMN sky.reference_images.mjd_mid_tai IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.reference_images.ra IS 'centre, deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.reference_images.dec IS 'centre, deg, ICRS; null without a WCS';
COMMENT ON COLUMN sky.reference_images.radius IS 'distance from the centre to the farthest corner, deg';
COMMENT ON COLUMN sky.reference_images.footprint IS 'corners, {ra, dec, ra, dec, ...} in deg';
COMMENT ON COLUMN sky.reference_images.width IS 'pixels along x';
COMMENT ON COLUMN sky.reference_images.height IS 'pixels along y';
COMMENT ON COLUMN sky.reference_images.fwhm IS 'seeing, px';
COMMENT ON COLUMN sky.reference_images.sky_rms IS 'noise of the background';
COMMENT ON COLUMN sky.reference_images.zero_point IS 'AB magnitude of one unit of flux';
COMMENT ON COLUMN sky.reference_images.m5 IS '5 sigma limiting magnitude';
COMMENT ON COLUMN sky.reference_images.quality IS 'all numbers that the stage told';
COMMENT ON COLUMN sky.reference_images.in_use IS 'false: retired or replaced';
COMMENT ON COLUMN sky.reference_images.created_at IS 'when it became a reference';
COMMENT ON COLUMN sky.reference_images.retired_at IS 'since when it is not used; null: in use';
CREATE VIEW sky.stage_times AS
SELECT r.stage, count(*) AS n, avg(r.ms) AS mean_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ms) AS median_ms,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY r.ms) AS p90_ms, max(r.ms) AS max_ms, sum(r.ms) AS total_ms
FROM sky.stage_runs r
GROUP BY r.stage;
COMMENT ON VIEW sky.stage_times IS 'how long each stage takes';
COMMENT ON COLUMN sky.stage_times.stage IS 'stage';
COMMENT ON COLUMN sky.stage_times.n IS 'committed runs';
COMMENT ON COLUMN sky.stage_times.mean_ms IS 'mean, ms';
COMMENT ON COLUMN sky.stage_times.median_ms IS 'median, ms';
COMMENT ON COLUMN sky.stage_times.p90_ms IS '90th percentile, ms';
COMMENT ON COLUMN sky.stage_times.max_ms IS 'longest, ms';
COMMENT ON COLUMN sky.stage_times.total_ms IS 'sum, ms';
-- Who may do what: one place. Nothing is PUBLIC's.
REVOKE ALL ON SCHEMA sky FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA sky FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sky FROM PUBLIC;

GRANT USAGE ON SCHEMA sky TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sky TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;

-- The three tables that people edit.
GRANT INSERT, UPDATE, DELETE ON sky.settings, sky.instruments, sky.quality_thresholds TO astrid_admin;

GRANT EXECUTE ON FUNCTION sky.plan(bigint, bigint), sky.commit(bigint, bigint, jsonb) TO astrid_worker;
GRANT EXECUTE ON FUNCTION sky.ingest(text, text, jsonb), sky.vote(bigint, text, text), sky.use_reference(bigint)
    TO astrid_producer, astrid_admin;
GRANT EXECUTE ON FUNCTION sky.retire_reference(bigint), sky.install_defaults() TO astrid_admin;

-- Pure geometry and settings, for everybody's queries.
GRANT EXECUTE ON FUNCTION sky.near(float8, float8, float8, float8, float8), sky.overlap(float8[], float8[]),
    sky.sample_footprint(float8[], int), sky.unit_vector(float8, float8), sky.vector_place(float8, float8, float8),
    sky.setting(text), sky.setting_number(text), sky.default_settings()
    TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
