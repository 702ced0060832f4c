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
