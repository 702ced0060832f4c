-- Functions that look rows up by key say SET enable_seqscan = off: a plan made while the table was tiny must not stay
-- when it no longer is.
--
-- Helpers with a leading underscore are for the extension itself: nobody may execute them, and 80_names.sql passes
-- them over.

CREATE FUNCTION astrid._wake(queue_name text, n int, first_position bigint DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_sql_wake';
COMMENT ON FUNCTION astrid._wake(text, int, bigint) IS
    'At commit, n jobs of the queue are ready, none below this position (null: there are no new ones): wake as many workers.';

CREATE FUNCTION astrid._wake_at(due timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_sql_wake_at';
COMMENT ON FUNCTION astrid._wake_at(timestamptz) IS 'A job falls due then: maintenance must not sleep longer.';

CREATE FUNCTION astrid._queues_changed() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_queues_changed';
COMMENT ON FUNCTION astrid._queues_changed() IS 'Makes every backend read astrid.queue again.';

CREATE FUNCTION astrid._raise_lease_lost(job_id bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'QJ001', MESSAGE = 'lease_lost',
        DETAIL = format('Jobs: %s', job_id),
        HINT = 'The lease ran out, or the job was cancelled or dropped: roll back what was done for it.';
END
$$;
COMMENT ON FUNCTION astrid._raise_lease_lost(bigint) IS 'Raises QJ001.';

CREATE FUNCTION astrid._require(value anyelement, argument text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = format('invalid argument "%s"', argument),
            DETAIL = 'It must not be null.';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._require(anyelement, text) IS 'Raises QJ006 where a required argument is null.';

CREATE FUNCTION astrid._queue_id(queue text) RETURNS int
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int;
BEGIN
    PERFORM astrid._require(queue, 'queue');
    SELECT q.queue_id INTO id FROM astrid.queue q WHERE q.queue_name = queue;
    IF id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ002', MESSAGE = format('queue "%s" does not exist', queue),
            HINT = 'astrid_create_queue makes one; the view astrid.queue_status lists them.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION astrid._queue_id(text) IS 'Number of the queue, or QJ002.';
