CREATE FUNCTION astrid.create_queue(queue text, worker_type text DEFAULT NULL, priority int DEFAULT NULL,
                                    max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                                    concurrency int DEFAULT NULL, backoff_base interval DEFAULT NULL,
                                    backoff_max interval DEFAULT NULL, payload_schema jsonb DEFAULT NULL,
                                    enabled bool DEFAULT NULL, rate_limit int DEFAULT NULL,
                                    rate_interval interval DEFAULT NULL, group_concurrency int DEFAULT NULL,
                                    group_rate_limit int DEFAULT NULL, group_rate_interval interval DEFAULT NULL,
                                    ordered bool DEFAULT NULL, ageing interval DEFAULT NULL, fair bool DEFAULT NULL,
                                    producer_rate_limit int DEFAULT NULL,
                                    producer_rate_interval interval DEFAULT NULL, producer_rate_per text DEFAULT NULL,
                                    max_payload_size int DEFAULT NULL, job_events bool DEFAULT NULL,
                                    result_schema jsonb DEFAULT NULL, dead_blocks bool DEFAULT NULL,
                                    retry jsonb DEFAULT NULL, max_crashes int DEFAULT NULL,
                                    retention interval DEFAULT NULL, dead_retention interval DEFAULT NULL,
                                    attempt_retention interval DEFAULT NULL, log_retention interval DEFAULT NULL,
                                    result_retention interval DEFAULT NULL, export bool DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid._require(queue, 'queue');
    INSERT INTO astrid.queue (queue_name) VALUES (queue) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ005', MESSAGE = format('queue "%s" exists', queue),
            HINT = 'astrid_alter_queue changes its settings.';
    END IF;
    PERFORM astrid.alter_queue(queue, worker_type, priority, max_attempts, timeout, concurrency, backoff_base,
                               backoff_max, payload_schema, enabled, rate_limit, rate_interval, group_concurrency,
                               group_rate_limit, group_rate_interval, ordered, ageing, fair, producer_rate_limit,
                               producer_rate_interval, producer_rate_per, max_payload_size, job_events, result_schema,
                               dead_blocks, retry, max_crashes, retention, dead_retention, attempt_retention,
                               log_retention, result_retention, export);
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid setting of a queue', DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION astrid.create_queue(text, text, int, int, interval, int, interval, interval, jsonb, bool, int,
                                        interval, int, int, interval, bool, interval, bool, int, interval, text, int,
                                        bool, jsonb, bool, jsonb, int, interval, interval, interval, interval,
                                        interval, bool) IS
    'Creates a queue. What is null takes the default: priority 0, 4 attempts, back-off 10 s to 1 h, enabled, no limits. The columns of astrid.queue say what each setting means.';

CREATE FUNCTION astrid.alter_queue(queue text, worker_type text DEFAULT NULL, priority int DEFAULT NULL,
                                   max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                                   concurrency int DEFAULT NULL, backoff_base interval DEFAULT NULL,
                                   backoff_max interval DEFAULT NULL, payload_schema jsonb DEFAULT NULL,
                                   enabled bool DEFAULT NULL, rate_limit int DEFAULT NULL,
                                   rate_interval interval DEFAULT NULL, group_concurrency int DEFAULT NULL,
                                   group_rate_limit int DEFAULT NULL, group_rate_interval interval DEFAULT NULL,
                                   ordered bool DEFAULT NULL, ageing interval DEFAULT NULL, fair bool DEFAULT NULL,
                                   producer_rate_limit int DEFAULT NULL, producer_rate_interval interval DEFAULT NULL,
                                   producer_rate_per text DEFAULT NULL, max_payload_size int DEFAULT NULL,
                                   job_events bool DEFAULT NULL, result_schema jsonb DEFAULT NULL,
                                   dead_blocks bool DEFAULT NULL, retry jsonb DEFAULT NULL,
                                   max_crashes int DEFAULT NULL, retention interval DEFAULT NULL,
                                   dead_retention interval DEFAULT NULL, attempt_retention interval DEFAULT NULL,
                                   log_retention interval DEFAULT NULL, result_retention interval DEFAULT NULL,
                                   export bool DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    id int := astrid._queue_id(queue);
    old astrid.queue;
    new astrid.queue;
BEGIN
    IF retry <> 'null' THEN
        PERFORM astrid._check_retry(retry);
    END IF;
    SELECT q.* INTO STRICT old FROM astrid.queue q WHERE q.queue_id = id FOR UPDATE;
    PERFORM astrid._check_schema(nullif(payload_schema, 'null'), 'payload_schema'),
            astrid._check_schema(nullif(result_schema, 'null'), 'result_schema');
    UPDATE astrid.queue q
       SET worker_type = nullif(coalesce(worker_type, q.worker_type), ''),
           priority = coalesce(priority, q.priority),
           max_attempts = coalesce(max_attempts, q.max_attempts),
           timeout = nullif(coalesce(timeout, q.timeout), '0'),
           concurrency = nullif(coalesce(concurrency, q.concurrency), 0),
           backoff_base = coalesce(backoff_base, q.backoff_base),
           backoff_max = coalesce(backoff_max, q.backoff_max),
           payload_schema = nullif(coalesce(payload_schema, q.payload_schema), 'null'),
           enabled = coalesce(enabled, q.enabled),
           rate_limit = nullif(coalesce(rate_limit, q.rate_limit), 0),
           rate_interval = coalesce(rate_interval, q.rate_interval),
           group_concurrency = CASE WHEN ordered THEN 1 ELSE nullif(coalesce(group_concurrency, q.group_concurrency), 0) END,
           group_rate_limit = nullif(coalesce(group_rate_limit, q.group_rate_limit), 0),
           group_rate_interval = coalesce(group_rate_interval, q.group_rate_interval),
           ordered = coalesce(ordered, q.ordered),
           ageing = nullif(coalesce(ageing, q.ageing), '0'),
           fair = coalesce(fair, q.fair),
           producer_rate_limit = nullif(coalesce(producer_rate_limit, q.producer_rate_limit), 0),
           producer_rate_interval = coalesce(producer_rate_interval, q.producer_rate_interval),
           producer_rate_per = coalesce(producer_rate_per, q.producer_rate_per),
           max_payload_size = nullif(coalesce(max_payload_size, q.max_payload_size), 0),
           job_events = coalesce(job_events, q.job_events),
           result_schema = nullif(coalesce(result_schema, q.result_schema), 'null'),
           dead_blocks = coalesce(dead_blocks, q.dead_blocks),
           retry = nullif(coalesce(retry, q.retry), 'null'),
           max_crashes = coalesce(max_crashes, q.max_crashes),
           retention = coalesce(retention, q.retention),
           dead_retention = nullif(coalesce(dead_retention, q.dead_retention), '0'),
           attempt_retention = coalesce(attempt_retention, q.attempt_retention),
           log_retention = coalesce(log_retention, q.log_retention),
           result_retention = nullif(coalesce(result_retention, q.result_retention), '0'),
           export = coalesce(export, q.export),
           updated_at = astrid.clock()
     WHERE q.queue_id = id
    RETURNING q.* INTO new;
    PERFORM astrid._queues_changed();
    PERFORM astrid._apply_limits(old, new);
    IF new.enabled THEN
        PERFORM astrid._wake(queue, 1000);
    END IF;
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid setting of a queue', DETAIL = SQLERRM;
END
$$;
COMMENT ON FUNCTION astrid.alter_queue(text, text, int, int, interval, int, interval, interval, jsonb, bool, int,
                                       interval, int, int, interval, bool, interval, bool, int, interval, text, int,
                                       bool, jsonb, bool, jsonb, int, interval, interval, interval, interval,
                                       interval, bool) IS
    'Changes settings of a queue; null leaves one as it is. An empty worker_type, a limit, timeout, ageing, dead_retention or result_retention of 0 and a schema or retry of JSON null remove it.';

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
    UPDATE astrid.queue q SET accepting = true, closed_by = NULL WHERE q.queue_id = astrid._queue_id(queue);
    PERFORM astrid.alter_queue(queue, enabled => true);
END
$$;
COMMENT ON FUNCTION astrid.resume_queue(text) IS 'Ends a pause and a drain.';

CREATE FUNCTION astrid.drain_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    UPDATE astrid.queue q
       SET accepting = false, closed_by = coalesce(q.closed_by, pg_current_xact_id()), updated_at = astrid.clock()
     WHERE q.queue_id = astrid._queue_id(queue);
    PERFORM astrid._queues_changed();
END
$$;
COMMENT ON FUNCTION astrid.drain_queue(text) IS
    'Closes the queue: enqueueing raises QJ012, what is in it is worked off. queue_status.drained says when it is empty; astrid_resume_queue opens it.';
