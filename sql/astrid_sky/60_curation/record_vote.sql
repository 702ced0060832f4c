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
