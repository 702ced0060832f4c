-- Detections of the same place become one object. A detection joins the nearest object within the radius; an unflagged
-- one that finds none makes a new object, a flagged one stays alone. The caller holds the cells (sky.lock_detections).
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

CREATE FUNCTION sky.associate(observation_id bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    radius  float8 := sky.association_radius();
    d       record;
    nearest bigint;
    touched bigint[] := '{}';
BEGIN
    -- strongest first: its position is the best one to found an object on
    FOR d IN SELECT s.detection_id, s.ra, s.dec, s.flags FROM sky.detections s
             WHERE s.observation_id = associate.observation_id AND s.ra IS NOT NULL AND s.dec IS NOT NULL
             ORDER BY s.flags <> 0, s.snr DESC, s.detection_id LOOP
        SELECT t.object_id INTO nearest FROM sky.objects t
        WHERE sky.near(d.ra, d.dec, t.ra, t.dec, radius)
        ORDER BY @extschema@.q3c_dist(d.ra, d.dec, t.ra, t.dec), t.object_id LIMIT 1;
        IF nearest IS NULL AND d.flags = 0 THEN
            INSERT INTO sky.objects (ra, dec) VALUES (d.ra, d.dec) RETURNING object_id INTO nearest;
        END IF;
        IF nearest IS NOT NULL THEN
            UPDATE sky.detections SET object_id = nearest WHERE detection_id = d.detection_id;
            touched := touched || nearest;
        END IF;
    END LOOP;
    RETURN touched;
END $$;
COMMENT ON FUNCTION sky.associate(bigint) IS 'gives the detections of an observation their objects; those objects, for refresh_objects()';

-- Means over all detections rather than running sums: a second run that replaces detections leaves no trace.
CREATE FUNCTION sky.refresh_objects(object_ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    UPDATE sky.objects o
    SET ra = COALESCE(p.ra, o.ra), dec = COALESCE(p.dec, o.dec), n_detections = s.n, n_observations = s.n_observations,
        first_mjd_tai = s.first_mjd, last_mjd_tai = s.last_mjd, max_snr = s.max_snr, updated_at = clock_timestamp()
    FROM (SELECT d.object_id, count(*) AS n, count(DISTINCT d.observation_id) AS n_observations,
                 min(d.mjd_mid_tai) AS first_mjd, max(d.mjd_mid_tai) AS last_mjd, max(d.snr) AS max_snr,
                 sum(d.snr * d.snr * (sky.unit_vector(d.ra, d.dec))[1]) FILTER (WHERE d.flags = 0) AS vx,
                 sum(d.snr * d.snr * (sky.unit_vector(d.ra, d.dec))[2]) FILTER (WHERE d.flags = 0) AS vy,
                 sum(d.snr * d.snr * (sky.unit_vector(d.ra, d.dec))[3]) FILTER (WHERE d.flags = 0) AS vz
          FROM sky.detections d WHERE d.object_id = ANY (object_ids) GROUP BY d.object_id) AS s,
         LATERAL sky.vector_place(s.vx, s.vy, s.vz) AS p
    WHERE o.object_id = s.object_id;
    DELETE FROM sky.objects o
    WHERE o.object_id = ANY (object_ids)
      AND NOT EXISTS (SELECT FROM sky.detections d WHERE d.object_id = o.object_id);
$$;
COMMENT ON FUNCTION sky.refresh_objects(bigint[]) IS 'works out objects anew from their detections; those without any go';
