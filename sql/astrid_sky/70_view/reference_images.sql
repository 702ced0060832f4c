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
