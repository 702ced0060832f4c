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
