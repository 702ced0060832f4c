-- Readers go by (transaction, event), as far as no transaction is under way: what they have read is final, and nothing
-- can come before it any more. A cursor is that pair as a text.

CREATE FUNCTION astrid._event_payload(topic text, job_id bigint, attempt int, state text, group_key text, worker text,
                                      error text) RETURNS jsonb
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'astrid_event_payload';
COMMENT ON FUNCTION astrid._event_payload(text, bigint, int, text, text, text, text) IS
    'The payload of an event of a job; null for another event.';

CREATE VIEW astrid.event_log AS
SELECT e.event_id, e.topic, coalesce(e.key, e.job_id::text) AS key,
       coalesce(e.payload, astrid._event_payload(e.topic, e.job_id, e.attempt, e.state, e.group_key, e.worker, e.error))
           AS payload,
       e.published_at,
       e.xid < pg_snapshot_xmin(pg_current_snapshot()) AS settled,
       e.xid || '-' || e.event_id AS cursor, e.xid
  FROM astrid.event e;

COMMENT ON VIEW astrid.event_log IS 'Published events of the last week. Their order is (xid, event_id), which has an index.';
COMMENT ON COLUMN astrid.event_log.event_id IS 'Number of the event, drawn ahead of its transaction''s commit: a smaller one may appear later.';
COMMENT ON COLUMN astrid.event_log.topic IS 'What it is about: words with dots between them.';
COMMENT ON COLUMN astrid.event_log.key IS 'Whom it is about.';
COMMENT ON COLUMN astrid.event_log.payload IS 'What it says.';
COMMENT ON COLUMN astrid.event_log.published_at IS 'When it was published.';
COMMENT ON COLUMN astrid.event_log.settled IS 'True: no event can appear before it any more; astrid_events gives it out.';
COMMENT ON COLUMN astrid.event_log.cursor IS 'Its place for astrid_events.';
COMMENT ON COLUMN astrid.event_log.xid IS 'Transaction that published it; 0: it comes from a dump.';

CREATE FUNCTION astrid.event_cursor() RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp
    RETURN pg_snapshot_xmin(pg_current_snapshot()) || '-0';
COMMENT ON FUNCTION astrid.event_cursor() IS
    'The end of what astrid_events gives out now: with it a reader begins with what comes later.';

CREATE FUNCTION astrid._parse_cursor(cursor text, OUT xid xid8, OUT event_id bigint)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF cursor IS NULL THEN
        xid := '0';
        event_id := 0;
        RETURN;
    ELSIF cursor !~ '^[0-9]{1,19}-[0-9]{1,18}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "after"',
            DETAIL = 'It must be null or a cursor that astrid_events or astrid_event_cursor returned.';
    END IF;
    xid := split_part(cursor, '-', 1)::xid8;
    event_id := split_part(cursor, '-', 2)::bigint;
    -- From before a restore, whose events have the transaction 0 by now: their numbers go on.
    IF xid > pg_snapshot_xmax(pg_current_snapshot()) THEN
        xid := '0';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._parse_cursor(text) IS 'The place that a cursor names.';

CREATE FUNCTION astrid.events(after text DEFAULT NULL, pattern text DEFAULT NULL, max_events int DEFAULT NULL)
    RETURNS TABLE (event_id bigint, topic text, key text, payload jsonb, published_at timestamptz, cursor text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS
$$
#variable_conflict use_column
DECLARE
    place record;
BEGIN
    place := astrid._parse_cursor(after);
    IF pattern IS NOT NULL THEN
        PERFORM astrid._topic_check_pattern(pattern);
    END IF;
    RETURN QUERY
        SELECT e.event_id, e.topic, e.key, e.payload, e.published_at, e.cursor
          FROM astrid.event_log e
         WHERE (e.xid, e.event_id) > (place.xid, place.event_id)
           AND e.settled
           AND (pattern IS NULL OR astrid._topic_matches(e.topic, pattern))
         ORDER BY e.xid, e.event_id
         LIMIT coalesce(max_events, 100);
END
$$;
COMMENT ON FUNCTION astrid.events(text, text, int) IS
    'The next events after a cursor (null: the oldest that are kept) whose topics match the pattern (null: all), max_events (100) at most. None is missed, however late it commits.';

CREATE FUNCTION astrid._settle_restored_events() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
-- A restored dump has numbers of transactions that this cluster has not reached. The pass itself, which may have
-- published events, is not over either.
UPDATE astrid.event SET xid = '0'
 WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()) AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
$$;
COMMENT ON FUNCTION astrid._settle_restored_events() IS 'Puts events that were restored from a dump before all others.';
