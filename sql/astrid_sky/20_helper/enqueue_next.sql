-- The unique key keeps a second run from overtaking the first: a live job of the same queue and observation is the next job.
CREATE FUNCTION sky.enqueue_next(o sky.observations, queue text, priority int, more jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    next_id bigint;
BEGIN
    next_id := astrid.enqueue(enqueue_next.queue,
        jsonb_build_object('uri', o.uri, 'observation_id', o.observation_id) || more,
        priority => enqueue_next.priority,
        unique_key => format('sky:%s:%s', enqueue_next.queue, o.observation_id));
    RETURN next_id;
END $$;
COMMENT ON FUNCTION sky.enqueue_next(sky.observations, text, int, jsonb) IS 'enqueues the next job of an observation, once; its id';
