-- Votes are added, never changed; the task's state follows the last one.
CREATE FUNCTION sky.record_vote(task_id bigint, verdict text, reason text, voter text, is_rule boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    UPDATE sky.curation_tasks c SET state = record_vote.verdict, reason = record_vote.reason, updated_at = clock_timestamp()
    WHERE c.task_id = record_vote.task_id;
    INSERT INTO sky.curation_votes (task_id, detection_id, object_id, verdict, reason, voter, is_rule)
    SELECT c.task_id, c.detection_id, c.object_id, record_vote.verdict, record_vote.reason, record_vote.voter, record_vote.is_rule
    FROM sky.curation_tasks c WHERE c.task_id = record_vote.task_id RETURNING vote_id INTO id;
    RETURN id;
END $$;
COMMENT ON FUNCTION sky.record_vote(bigint, text, text, text, boolean) IS 'adds a vote and moves the task to its verdict; its vote_id';

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
