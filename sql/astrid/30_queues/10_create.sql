CREATE FUNCTION astrid.create_queue(queue text, worker_type text DEFAULT NULL, priority int DEFAULT NULL,
                                    max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                                    concurrency int DEFAULT NULL, backoff_base interval DEFAULT NULL,
                                    backoff_max interval DEFAULT NULL, payload_schema jsonb DEFAULT NULL,
                                    enabled bool DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid._require(queue, 'queue');
    INSERT INTO astrid.queue (queue_name, worker_type) VALUES (queue, worker_type) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ005', MESSAGE = format('queue "%s" exists', queue),
            HINT = 'astrid_alter_queue changes its settings.';
    END IF;
    PERFORM astrid.alter_queue(queue, worker_type, priority, max_attempts, timeout, concurrency, backoff_base,
                               backoff_max, payload_schema, enabled);
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid setting of a queue', DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION astrid.create_queue(text, text, int, int, interval, int, interval, interval, jsonb, bool) IS
    'Creates a queue. What is null takes the default: priority 0, 4 attempts, back-off 10 s to 1 h, enabled, no limits.';

CREATE FUNCTION astrid.alter_queue(queue text, worker_type text DEFAULT NULL, priority int DEFAULT NULL,
                                   max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                                   concurrency int DEFAULT NULL, backoff_base interval DEFAULT NULL,
                                   backoff_max interval DEFAULT NULL, payload_schema jsonb DEFAULT NULL,
                                   enabled bool DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    id int := astrid._queue_id(queue);
    resumed boolean;
BEGIN
    UPDATE astrid.queue q
       SET worker_type = nullif(coalesce(worker_type, q.worker_type), ''),
           priority = coalesce(priority, q.priority),
           max_attempts = coalesce(max_attempts, q.max_attempts),
           timeout = nullif(coalesce(timeout, q.timeout), '0'),
           concurrency = nullif(coalesce(concurrency, q.concurrency), 0),
           backoff_base = coalesce(backoff_base, q.backoff_base),
           backoff_max = coalesce(backoff_max, q.backoff_max),
           payload_schema = coalesce(payload_schema, q.payload_schema),
           enabled = coalesce(enabled, q.enabled),
           updated_at = astrid.clock()
     WHERE q.queue_id = id
    RETURNING q.enabled INTO resumed;
    PERFORM astrid._queues_changed();
    IF resumed THEN
        PERFORM astrid._wake(queue, 1000);
    END IF;
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid setting of a queue', DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION astrid.alter_queue(text, text, int, int, interval, int, interval, interval, jsonb, bool) IS
    'Changes settings of a queue; null leaves one as it is, an empty worker_type, timeout 0 and concurrency 0 remove it.';

CREATE FUNCTION astrid.pause_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid.alter_queue(queue, enabled => false);
END
$$;
COMMENT ON FUNCTION astrid.pause_queue(text) IS
    'Claims get nothing from the queue any more; running jobs go on, and jobs can still be enqueued.';

CREATE FUNCTION astrid.resume_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid.alter_queue(queue, enabled => true);
END
$$;
COMMENT ON FUNCTION astrid.resume_queue(text) IS 'Ends a pause.';
