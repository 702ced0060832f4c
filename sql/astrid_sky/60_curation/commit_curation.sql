-- Sorts the new tasks of an observation: below the thresholds they stay new; else they are candidates, or what people
-- said of the same object before, or confirmed by the rule of auto_accept.
CREATE FUNCTION sky.commit_curation(payload jsonb, priority int) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o          sky.observations := sky.payload_observation(payload);
    t          record;
    candidates int := 0;
    next_id    bigint;
BEGIN
    FOR t IN SELECT c.task_id, d FROM sky.curation_tasks c JOIN sky.detections d USING (detection_id)
             WHERE c.observation_id = o.observation_id AND c.state = 'new' ORDER BY c.task_id LOOP
        IF sky.is_candidate(t.d, o) THEN
            UPDATE sky.curation_tasks c SET state = 'candidate', updated_at = clock_timestamp() WHERE c.task_id = t.task_id;
            PERFORM sky.judge_by_rule(t.task_id, t.d);
            candidates := candidates + 1;
        END IF;
    END LOOP;
    next_id := sky.enqueue_notification(o, priority);
    PERFORM sky.advance(o.observation_id, 'curation', next_id, CASE WHEN next_id IS NULL THEN 'no accepted candidate' END);
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'candidates', candidates, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_curation(jsonb, int) IS 'sorts the curation tasks of an observation; enqueues notification for accepted ones';
