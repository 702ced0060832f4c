-- Detections of the same place become one object. A detection joins the nearest object within the radius; an unflagged
-- one that finds none makes a new object, a flagged one stays alone. The caller holds the cells (sky.lock_detections).
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
