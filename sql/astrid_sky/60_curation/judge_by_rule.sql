-- What people said of an object goes before what the rule says of its S/N.
CREATE FUNCTION sky.judge_by_rule(task_id bigint, d sky.detections) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    earlier   sky.curation_votes;
    min_snr   float8 := sky.setting_number('auto_accept_snr');
    min_score float8 := sky.setting_number('auto_accept_score');
BEGIN
    SELECT * INTO earlier FROM sky.curation_votes v
    WHERE v.object_id = d.object_id AND NOT v.is_rule ORDER BY v.vote_id DESC LIMIT 1;
    IF earlier.vote_id IS NOT NULL THEN
        PERFORM sky.record_vote(judge_by_rule.task_id, earlier.verdict, format('as vote %s on the same object', earlier.vote_id), 'earlier vote', true);
    ELSIF d.snr >= min_snr AND (min_score IS NULL OR d.score >= min_score) THEN
        PERFORM sky.record_vote(judge_by_rule.task_id, 'confirmed', format('S/N at least %s', min_snr), 'auto_accept', true);
    END IF;
END $$;
COMMENT ON FUNCTION sky.judge_by_rule(bigint, sky.detections) IS 'votes on a candidate as people did on its object before, or by the rule of auto_accept_snr';
