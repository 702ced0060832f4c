-- Checked where it is used: people edit sky.settings by hand.
CREATE FUNCTION sky.association_radius() RETURNS float8
LANGUAGE plpgsql STABLE AS $$
DECLARE
    arcsec float8 := sky.setting_number('association_radius');
BEGIN
    -- sky.cells() holds for circles smaller than a cell
    IF arcsec IS NULL OR arcsec <= 0 OR arcsec > 300 THEN
        PERFORM sky.refuse(format('setting association_radius is %s, not in (0, 300] arcsec', COALESCE(arcsec::text, 'null')));
    END IF;
    RETURN arcsec / 3600;
END $$;
COMMENT ON FUNCTION sky.association_radius() IS 'radius within which a detection joins an object, deg';
