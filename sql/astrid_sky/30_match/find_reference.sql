-- Which reference belongs to a science frame? One that the payload names, by observation_id or file; else of the same band and covering enough of its
-- sky, sharpest first, then deepest. Frames without coordinates match by instrument and name of the target.
CREATE FUNCTION sky.find_reference(o sky.observations, payload jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    wanted   jsonb := COALESCE(payload -> 'reference', o.payload -> 'reference');
    farthest float8;
    found    bigint;
BEGIN
    IF wanted IS NOT NULL THEN
        SELECT i.image_id INTO found FROM sky.images i JOIN sky.observations r USING (observation_id)
        WHERE i.kind = 'reference' AND i.retired_at IS NULL
          AND CASE jsonb_typeof(wanted) WHEN 'number' THEN r.observation_id = wanted::bigint ELSE r.uri = wanted #>> '{}' END
        ORDER BY i.image_id DESC LIMIT 1;
    ELSIF o.ra IS NULL THEN
        SELECT i.image_id INTO found FROM sky.images i
        WHERE i.kind = 'reference' AND i.retired_at IS NULL
          AND i.band IS NOT DISTINCT FROM o.band AND i.instrument IS NOT DISTINCT FROM o.instrument
          AND i.object = o.object AND i.observation_id <> o.observation_id
        ORDER BY i.fwhm, i.m5 DESC NULLS LAST, i.image_id LIMIT 1;
    ELSE
        SELECT max(i.radius) INTO farthest FROM sky.images i WHERE i.kind = 'reference' AND i.retired_at IS NULL;
        SELECT i.image_id INTO found FROM sky.images i
        WHERE i.kind = 'reference' AND i.retired_at IS NULL
          AND i.band IS NOT DISTINCT FROM o.band AND i.observation_id <> o.observation_id
          AND sky.near(o.ra, o.dec, i.ra, i.dec, o.radius + farthest)
          AND @extschema@.q3c_dist(o.ra, o.dec, i.ra, i.dec) < o.radius + i.radius
          AND sky.overlap(o.footprint, i.footprint) >= sky.setting_number('minimum_overlap')
        ORDER BY i.fwhm, i.m5 DESC NULLS LAST, i.image_id LIMIT 1;
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.find_reference(sky.observations, jsonb) IS 'image_id of the best reference for an observation; null where there is none';
