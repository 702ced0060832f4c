-- Detections, their objects, and a curation task for each unflagged one.
CREATE FUNCTION sky.commit_detection(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o       sky.observations := sky.payload_observation(payload);
    step    jsonb := sky.stage_result(results, 'detect');
    touched bigint[];
    n       int;
    n_tasks int;
    next_id bigint;
BEGIN
    PERFORM sky.gate('detect', o, step -> 'result');
    PERFORM sky.check_detections(step);
    IF sky.output_field(step, 'detections', false) IS NOT NULL THEN
        PERFORM sky.record_image(o, 'detections', step, 'detections', commit_detection.job_id, commit_detection.lease_id);
    END IF;
    PERFORM sky.lock_detections(o.observation_id, step);
    touched := sky.remove_detections(o.observation_id);
    n := sky.insert_detections(o, step, commit_detection.job_id, commit_detection.lease_id);
    PERFORM sky.refresh_objects(touched || sky.associate(o.observation_id));
    INSERT INTO sky.curation_tasks (detection_id, observation_id, object_id)
    SELECT d.detection_id, d.observation_id, d.object_id FROM sky.detections d
    WHERE d.observation_id = o.observation_id AND d.flags = 0 ORDER BY d.detection_id;
    GET DIAGNOSTICS n_tasks = ROW_COUNT;
    PERFORM sky.record_runs(commit_detection.job_id, commit_detection.lease_id, o.observation_id, results);
    IF n_tasks > 0 THEN
        next_id := sky.enqueue_next(o, 'curation', priority);
    END IF;
    PERFORM sky.advance(o.observation_id, 'detection', next_id, CASE WHEN n_tasks = 0 THEN 'nothing unflagged was found' END);
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'detections', n, 'tasks', n_tasks,
                                                'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_detection(bigint, bigint, jsonb, int, jsonb) IS 'writes detections, objects and curation tasks; enqueues curation';
