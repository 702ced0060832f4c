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
