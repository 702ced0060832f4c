-- First call of every function that writes for a job: locks the lease or raises lease_lost, then tells what the job is.
CREATE FUNCTION sky.leased_job(job_id bigint, lease_id bigint, OUT queue_name text, OUT payload jsonb, OUT priority int)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM astrid.check_lease(leased_job.job_id, leased_job.lease_id);
    SELECT j.queue_name, j.payload, j.priority INTO queue_name, payload, priority
    FROM astrid.job_status j
    WHERE j.job_id = leased_job.job_id AND j.state = 'running';
    IF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
        PERFORM sky.refuse('payload must be a JSON object', NULL, 'For example {"uri": "/data/raw/1.fits"}.');
    END IF;
END $$;
COMMENT ON FUNCTION sky.leased_job(bigint, bigint) IS 'queue and payload of a running job; locks the lease or raises lease_lost';

-- Payloads name the observation by number; by hand the uri is enough.
CREATE FUNCTION sky.payload_observation(payload jsonb) RETURNS sky.observations
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o sky.observations;
BEGIN
    IF payload ? 'observation_id' THEN
        SELECT * INTO o FROM sky.observations s
        WHERE s.observation_id = sky.integer_field(payload_observation.payload, 'observation_id', 'payload', true);
    ELSE
        SELECT * INTO o FROM sky.observations s
        WHERE s.uri = payload_observation.payload ->> 'uri'
          AND s.hdu = COALESCE(sky.integer_field(payload_observation.payload, 'hdu', 'payload'), s.hdu)
        ORDER BY s.observation_id DESC LIMIT 1;
    END IF;
    IF o.observation_id IS NULL THEN
        PERFORM sky.refuse(format('no observation %s', COALESCE(payload ->> 'observation_id', payload ->> 'uri', 'named')),
                           NULL, 'Enqueue the file on observation_ingestion first.');
    END IF;
    RETURN o;
END $$;
COMMENT ON FUNCTION sky.payload_observation(jsonb) IS 'the observation that a payload names by observation_id or by uri';

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

-- Where an observation is now: the queue that finished, the job that carries on, or why none does.
CREATE FUNCTION sky.advance(observation_id bigint, stage text, next_job_id bigint, note text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    UPDATE sky.observations o
    SET stage = advance.stage, next_job_id = advance.next_job_id, note = advance.note, updated_at = clock_timestamp()
    WHERE o.observation_id = advance.observation_id
$$;
COMMENT ON FUNCTION sky.advance(bigint, text, bigint, text) IS 'writes how far an observation is and what comes next';
