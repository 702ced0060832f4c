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
