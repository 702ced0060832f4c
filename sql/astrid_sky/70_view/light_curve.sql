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
