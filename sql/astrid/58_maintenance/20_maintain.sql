CREATE FUNCTION astrid._empty_slot(slot text, written_at text, keepers int[]) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    old boolean;
BEGIN
    EXECUTE format('LOCK TABLE ONLY astrid.%I IN ACCESS EXCLUSIVE MODE NOWAIT', slot);
    -- What it says is checked row by row: a clock that was set back, or a restored dump, must not cost a row of this
    -- week, nor a setting of a moment ago one that is to be kept.
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM astrid.%I WHERE %I > $1 %s)', slot, written_at,
                   CASE WHEN keepers IS NOT NULL THEN 'OR queue_id = ANY ($2)' END)
        INTO old USING astrid.clock() - interval '5 days', keepers;
    IF old THEN
        IF slot ~ '^(history|attempt)_' THEN
            PERFORM astrid._keep_partition(format('astrid.%I', slot)::regclass, slot ~ '^history_');
        END IF;
        EXECUTE format('TRUNCATE ONLY astrid.%I', slot);
    END IF;
    RETURN old;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;  -- somebody reads it; there is a day's time
END
$$;
COMMENT ON FUNCTION astrid._empty_slot(text, text, int[]) IS
    'Empties a partition of a ring unless it has rows of this week, or of queues that keep them; true: it is empty.';

CREATE FUNCTION astrid._rotate() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    next_slot smallint := astrid._ring_slot(at + interval '24 hours');
    ring record;
    slot text;
    n int := 0;
BEGIN
    -- Empties the partition of tomorrow, which holds what is a week old.
    FOR ring IN SELECT * FROM (VALUES ('history', 'finished_at'), ('attempt', 'ended_at'), ('job_log', 'logged_at'),
                                      ('worker_sample', 'sampled_at'), ('event', 'published_at')) v (name, written_at) LOOP
        slot := ring.name || '_' || next_slot;
        IF pg_relation_size(format('astrid.%I', slot)::regclass) > 0 AND astrid._may_empty(ring.name, at)
           AND astrid._empty_slot(slot, ring.written_at, astrid._keepers(ring.name)) THEN
            n := n + 1;
        END IF;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._rotate() IS 'Empties the ring partitions that are used next; returns how many.';

CREATE FUNCTION astrid._sweep() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    dropped record;
    swept int := 0;
BEGIN
    FOR dropped IN SELECT * FROM astrid.dropped_queue FOR UPDATE SKIP LOCKED LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_stat_activity a
                               WHERE a.xact_start <= dropped.dropped_at AND a.datname = current_database()
                                 AND a.backend_type <> 'autovacuum worker')
            OR EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = current_database());
        -- A queue of a restored dump may have its number.
        IF NOT EXISTS (SELECT FROM astrid.queue q WHERE q.queue_id = dropped.queue_id) THEN
            swept := swept + astrid._delete_jobs(dropped.queue_id);
        END IF;
        DELETE FROM astrid.dropped_queue d WHERE d.queue_id = dropped.queue_id;
    END LOOP;
    DELETE FROM astrid.worker w WHERE w.last_heartbeat < astrid.clock() - interval '7 days';
    DELETE FROM astrid.bucket b
     USING (SELECT x.queue_id, x.name FROM astrid.bucket x WHERE x.full_at < astrid.clock() - interval '1 minute'
               FOR UPDATE SKIP LOCKED) full_bucket
     WHERE b.queue_id = full_bucket.queue_id AND b.name = full_bucket.name;
    PERFORM astrid._settle_restored_events();
    RETURN swept;
END
$$;
COMMENT ON FUNCTION astrid._sweep() IS
    'Deletes jobs that came into a queue while it was dropped, workers not heard of for a week, buckets that are full.';

CREATE FUNCTION astrid._wake_rated() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
-- A claim that found no token went to sleep; nobody commits anything when one becomes free.
SELECT astrid._wake(q.queue_name, 1000)
  FROM astrid.queue q
 WHERE q.rate_limit IS NOT NULL
   AND EXISTS (SELECT FROM astrid.ready r WHERE r.queue_id = q.queue_id)
   AND EXISTS (SELECT FROM astrid.token t WHERE t.queue_id = q.queue_id AND t.lane IN (1, 2)
                  AND t.free_at <= astrid.clock())
$$;
COMMENT ON FUNCTION astrid._wake_rated() IS 'Wakes the workers of queues with jobs for which the rate limit has a token again.';

CREATE FUNCTION astrid._wake_when_due(at timestamptz) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
-- A pass that came early, and a worker that was started anew, do not know of it.
SELECT astrid._wake_at(least((SELECT min(w.run_at) FROM astrid.waiting w WHERE NOT w.blocked AND w.run_at > at),
                             (SELECT min(b.next_at) FROM astrid.bulk_operation b
                               WHERE b.state = 'running' AND b.next_at > at)))
$$;
COMMENT ON FUNCTION astrid._wake_when_due(timestamptz) IS 'Tells the maintenance worker when the next job falls due.';

CREATE FUNCTION astrid.maintain() RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    reaped int;
    promoted int := 0;
    moved int;
    swept int;
    bulk int;
    late int;
    expired int;
    pruned jsonb;
    more boolean;
BEGIN
    -- One pass at a time; whoever comes second has nothing to do. Released with the transaction.
    IF NOT pg_try_advisory_xact_lock('astrid.queue'::regclass::oid::int, 0) THEN
        RETURN jsonb_build_object('busy', true);
    END IF;
    late := astrid._pass_deadlines();
    reaped := astrid.reap();
    FOR batch IN 1..10 LOOP
        moved := astrid._promote();
        promoted := promoted + moved;
        EXIT WHEN moved = 0;
    END LOOP;
    swept := astrid._sweep();
    PERFORM astrid._free_keys();
    PERFORM astrid._wake_rated();
    PERFORM astrid._fold_totals();
    bulk := astrid._bulk_pass();
    expired := astrid._expire_dead(at, 1000) + astrid._expire_kept(at, 5000);
    pruned := astrid._prune(at, 500);
    more := astrid._forget_attempts(at, 10000);
    PERFORM astrid._wake_when_due(at);
    IF reaped >= 1000 OR promoted >= 10000 OR late >= 1000 OR expired >= 1000 OR (pruned ->> 'more')::boolean OR more THEN
        PERFORM astrid._wake_at(clock_timestamp());  -- as much as one pass may do: the worker goes on at once
    END IF;
    PERFORM astrid._note_pass();
    RETURN jsonb_build_object('reaped', reaped, 'promoted', promoted, 'swept', swept, 'bulk', bulk,
                              'late', late, 'expired', expired + (pruned -> 'rows')::int, 'rotated', astrid._rotate());
END
$$;
COMMENT ON FUNCTION astrid.maintain() IS
    'One bounded pass of what time brings: deadlines, leases that ran out, jobs that fall due, bulk operations, retention, rings that turn. Returns what was done.';
