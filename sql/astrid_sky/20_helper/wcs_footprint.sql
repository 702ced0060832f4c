-- The wcs object of the ingest stage -> centre, radius and footprint; all null where there is none.
CREATE FUNCTION sky.wcs_footprint(wcs jsonb, OUT ra float8, OUT "dec" float8, OUT radius float8, OUT footprint float8[],
                                  OUT pixel_scale float8, OUT approx boolean)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    corner jsonb;
    place  float8[];
BEGIN
    approx := COALESCE(wcs -> 'approx' = 'true', false);
    ra := sky.number_field(wcs, 'ra', 'ingest');
    dec := sky.number_field(wcs, 'dec', 'ingest');
    pixel_scale := sky.number_field(wcs, 'pixel_scale', 'ingest');
    -- a projection that does not reach the corners is of no use for matching
    IF ra IS NULL OR dec IS NULL OR COALESCE(jsonb_typeof(wcs -> 'corners'), 'null') = 'null' THEN
        ra := NULL;
        dec := NULL;
        RETURN;
    END IF;
    IF ra < 0 OR ra > 360 OR dec NOT BETWEEN -90 AND 90 THEN
        PERFORM sky.refuse('result of stage "ingest": field "wcs" has an impossible centre', format('It is %s, %s.', ra, dec));
    END IF;
    ra := CASE WHEN ra = 360 THEN 0 ELSE ra END;
    IF jsonb_typeof(wcs -> 'corners') IS DISTINCT FROM 'array' OR jsonb_array_length(wcs -> 'corners') <> 4 THEN
        PERFORM sky.refuse('result of stage "ingest": field "wcs.corners" must hold four [ra, dec] pairs');
    END IF;
    radius := 0;
    FOR corner IN SELECT c FROM jsonb_array_elements(wcs -> 'corners') AS c LOOP
        place := ARRAY[sky.number_field(jsonb_build_object('corners', corner -> 0), 'corners', 'ingest', true),
                       sky.number_field(jsonb_build_object('corners', corner -> 1), 'corners', 'ingest', true)];
        footprint := footprint || place;
        radius := greatest(radius, @extschema@.q3c_dist(ra, dec, place[1], place[2]));
    END LOOP;
END $$;
COMMENT ON FUNCTION sky.wcs_footprint(jsonb) IS 'centre, radius and corners from the wcs of an ingest result';
