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
