-- Old and new places at once: two sorted sequences of locks one after the other could wait for each other.
CREATE FUNCTION sky.lock_detections(observation_id bigint, step jsonb) RETURNS void
LANGUAGE sql AS $$
    SELECT sky.lock_cells(array_agg(p.ra), array_agg(p.dec), sky.association_radius())
    FROM (SELECT d.ra, d.dec FROM sky.detections d WHERE d.observation_id = lock_detections.observation_id
          UNION ALL
          SELECT r.ra, r.dec FROM jsonb_to_recordset(step -> 'records' -> 'detections') AS r (ra float8, dec float8)) AS p
    WHERE p.ra IS NOT NULL AND p.dec IS NOT NULL
$$;
COMMENT ON FUNCTION sky.lock_detections(bigint, jsonb) IS 'locks the sky about the detections of an observation, those there and those to come';
