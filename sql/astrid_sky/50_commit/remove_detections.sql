-- A second run replaces. The objects stay until the new detections have joined them, so that they keep their numbers and
-- thereby their votes.
CREATE FUNCTION sky.remove_detections(observation_id bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    object_ids bigint[];
BEGIN
    DELETE FROM sky.curation_tasks c WHERE c.observation_id = remove_detections.observation_id;
    WITH gone AS (
        DELETE FROM sky.detections d WHERE d.observation_id = remove_detections.observation_id RETURNING d.object_id)
    SELECT COALESCE(array_agg(DISTINCT g.object_id), '{}') INTO object_ids FROM gone g WHERE g.object_id IS NOT NULL;
    RETURN object_ids;
END $$;
COMMENT ON FUNCTION sky.remove_detections(bigint) IS 'removes the detections and tasks of an observation; the objects they belonged to';
