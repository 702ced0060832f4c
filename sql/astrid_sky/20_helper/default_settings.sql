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
