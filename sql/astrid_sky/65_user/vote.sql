-- The way in for people and dashboards. A confirmed detection is notified once.
CREATE FUNCTION sky.vote(task_id bigint, verdict text, reason text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t  sky.curation_tasks;
    id bigint;
BEGIN
    IF verdict IS NULL OR verdict NOT IN ('confirmed', 'rejected', 'ambiguous') THEN
        PERFORM sky.refuse(format('verdict %s is not known', COALESCE(quote_literal(verdict), 'null')), 'Known are confirmed, rejected and ambiguous.');
    END IF;
    SELECT * INTO t FROM sky.curation_tasks c WHERE c.task_id = vote.task_id FOR UPDATE;
    IF t.task_id IS NULL THEN
        PERFORM sky.refuse(format('no curation task %s', task_id));
    END IF;
    id := sky.record_vote(t.task_id, verdict, reason, session_user, false);
    IF verdict = 'confirmed' AND t.notified_at IS NULL THEN
        PERFORM sky.enqueue_notification(o, NULL) FROM sky.observations o WHERE o.observation_id = t.observation_id;
    END IF;
    RETURN id;
END $$;
COMMENT ON FUNCTION sky.vote(bigint, text, text) IS 'a verdict on a curation task: confirmed, rejected or ambiguous; confirmed ones are notified; its vote_id';
