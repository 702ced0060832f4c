-- Where an observation is now: the queue that finished, the job that carries on, or why none does.
CREATE FUNCTION sky.advance(observation_id bigint, stage text, next_job_id bigint, note text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    UPDATE sky.observations o
    SET stage = advance.stage, next_job_id = advance.next_job_id, note = advance.note, updated_at = clock_timestamp()
    WHERE o.observation_id = advance.observation_id
$$;
COMMENT ON FUNCTION sky.advance(bigint, text, bigint, text) IS 'writes how far an observation is and what comes next';
