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
