-- One job per observation sends all alerts that are due; what is confirmed while it runs gets a job of its own.
CREATE FUNCTION sky.enqueue_notification(o sky.observations, priority int) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sky.curation_tasks c
                   WHERE c.observation_id = o.observation_id AND c.state = 'confirmed' AND c.notified_at IS NULL) THEN
        RETURN NULL;
    END IF;
    RETURN astrid.enqueue('notification', jsonb_build_object('uri', o.uri, 'observation_id', o.observation_id),
                          priority => enqueue_notification.priority);
END $$;
COMMENT ON FUNCTION sky.enqueue_notification(sky.observations, int) IS 'enqueues the alerts of an observation that are due; null where none is';
