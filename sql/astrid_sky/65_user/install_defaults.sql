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
