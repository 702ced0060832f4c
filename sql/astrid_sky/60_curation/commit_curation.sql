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

CREATE FUNCTION sky.is_candidate(d sky.detections, o sky.observations) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM sky.quality_thresholds t, LATERAL (SELECT (to_jsonb(d) ->> t.metric)::float8) AS v (value)
        WHERE t.stage = 'curation' AND t.enabled
          AND t.metric IN ('snr', 'score', 'fwhm', 'ellipticity', 'mag', 'flux', 'flux_njy')
          AND (t.instrument IS NULL OR t.instrument = o.instrument) AND (t.band IS NULL OR t.band = o.band)
          AND (v.value < t.minimum OR v.value > t.maximum OR (v.value IS NULL AND t.required)))
$$;
COMMENT ON FUNCTION sky.is_candidate(sky.detections, sky.observations) IS 'does a detection pass the thresholds of stage curation?';

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
