CREATE FUNCTION astrid._rotate() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    next_slot smallint := astrid._ring_slot(at + interval '1 day');
    ring record;
    slot text;
    old boolean;
    used boolean;
    n int := 0;
BEGIN
    -- Empties the partition of tomorrow, which holds what is a week old. What it says is checked row by row: a clock
    -- that was set back, or a restored dump, must not cost a row of this week.
    FOR ring IN SELECT * FROM (VALUES ('history', 'finished_at'), ('attempt', 'ended_at'), ('job_log', 'logged_at'),
                                      ('worker_sample', 'sampled_at')) v (name, written_at) LOOP
        slot := ring.name || '_' || next_slot;
        EXECUTE format('SELECT EXISTS (SELECT FROM astrid.%I)', slot) INTO used;
        CONTINUE WHEN NOT used;
        BEGIN
            EXECUTE format('LOCK TABLE ONLY astrid.%I IN ACCESS EXCLUSIVE MODE NOWAIT', slot);
            EXECUTE format('SELECT NOT EXISTS (SELECT FROM astrid.%I WHERE %I > $1)', slot, ring.written_at)
                INTO old USING at - interval '5 days';
            IF old THEN
                EXECUTE format('TRUNCATE ONLY astrid.%I', slot);
                n := n + 1;
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- somebody reads it; there is a day's time
        END;
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
        swept := swept + astrid._delete_jobs(dropped.queue_id);
        DELETE FROM astrid.dropped_queue d WHERE d.queue_id = dropped.queue_id;
    END LOOP;
    DELETE FROM astrid.worker w WHERE w.last_heartbeat < astrid.clock() - interval '7 days';
    DELETE FROM astrid.bucket b WHERE b.full_at < astrid.clock() - interval '1 minute';
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

CREATE FUNCTION astrid.maintain() RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    reaped int;
    promoted int := 0;
    moved int;
    swept int;
BEGIN
    -- One pass at a time; whoever comes second has nothing to do. Released with the transaction.
    IF NOT pg_try_advisory_xact_lock('astrid.queue'::regclass::oid::int, 0) THEN
        RETURN jsonb_build_object('busy', true);
    END IF;
    reaped := astrid.reap();
    FOR batch IN 1..10 LOOP
        moved := astrid._promote();
        promoted := promoted + moved;
        EXIT WHEN moved = 0;
    END LOOP;
    swept := astrid._sweep();
    PERFORM astrid._wake_rated();
    IF reaped >= 1000 OR promoted >= 10000 THEN
        PERFORM astrid._wake_at(clock_timestamp());  -- as much as one pass may do: the worker goes on at once
    END IF;
    PERFORM astrid._note_pass();
    RETURN jsonb_build_object('reaped', reaped, 'promoted', promoted, 'swept', swept, 'rotated', astrid._rotate());
END
$$;
COMMENT ON FUNCTION astrid.maintain() IS
    'One bounded pass of what time brings: leases that ran out, jobs that fall due, rings that turn. Returns what was done.';
