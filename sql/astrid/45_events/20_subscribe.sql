CREATE FUNCTION astrid._topic_check_pattern(pattern text) RETURNS void
    LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'astrid_topic_check_pattern';
COMMENT ON FUNCTION astrid._topic_check_pattern(text) IS 'Raises QJ006 for what is no pattern of topics.';

CREATE FUNCTION astrid._topic_matches(topic text, pattern text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'astrid_topic_matches';
COMMENT ON FUNCTION astrid._topic_matches(text, text) IS 'Does the topic match the pattern?';

CREATE FUNCTION astrid.subscribe(subscription text, pattern text, queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    id int := astrid._queue_id(queue);
BEGIN
    PERFORM astrid._require(subscription, 'subscription');
    PERFORM astrid._topic_check_pattern(pattern);
    INSERT INTO astrid.subscription AS s (subscription, pattern, queue_id, created_at)
        VALUES (subscription, pattern, id, astrid.clock())
    ON CONFLICT ON CONSTRAINT subscription_pkey DO UPDATE
        SET pattern = excluded.pattern, queue_id = excluded.queue_id, created_at = excluded.created_at;
    PERFORM astrid._subscriptions_changed();
EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "subscription"',
        DETAIL = 'It must be 1 to 63 letters, digits, and _ . : / -.';
END
$$;
COMMENT ON FUNCTION astrid.subscribe(text, text, text) IS
    'Each event whose topic matches the pattern becomes a job of the queue, in the transaction that publishes it. A subscription of this name is replaced.';

CREATE FUNCTION astrid.unsubscribe(subscription text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
BEGIN
    PERFORM astrid._require(subscription, 'subscription');
    DELETE FROM astrid.subscription s WHERE s.subscription = subscription;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "subscription"',
            DETAIL = format('There is no subscription "%s".', subscription),
            HINT = 'The view astrid.subscription_status lists them.';
    END IF;
    PERFORM astrid._subscriptions_changed();
END
$$;
COMMENT ON FUNCTION astrid.unsubscribe(text) IS 'Ends a subscription; jobs that it enqueued stay.';

CREATE VIEW astrid.subscription_status AS
SELECT s.subscription, s.pattern, q.queue_name, s.created_at
  FROM astrid.subscription s
  JOIN astrid.queue q USING (queue_id);

COMMENT ON VIEW astrid.subscription_status IS 'Which events become jobs of which queue.';
COMMENT ON COLUMN astrid.subscription_status.subscription IS 'Name of the subscription.';
COMMENT ON COLUMN astrid.subscription_status.pattern IS 'Topics: * is one word, # any number of words.';
COMMENT ON COLUMN astrid.subscription_status.queue_name IS 'Queue that gets a job for each event.';
COMMENT ON COLUMN astrid.subscription_status.created_at IS 'When it was made or last changed.';
