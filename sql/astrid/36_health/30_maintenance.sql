CREATE FUNCTION astrid._health_engine() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    e record;
    fault text := astrid._engine_fault();
    interval_s float8 := astrid._seconds(current_setting('astrid.maintenance_interval')::interval);
    pass_s float8;
BEGIN
    SELECT * INTO e FROM astrid._engine();
    RETURN NEXT astrid._check('preload', (NOT e.preloaded)::int, 1, NULL, 'faults',
                              CASE WHEN e.preloaded THEN 'astrid is preloaded' ELSE 'astrid is not preloaded' END,
                              'Without it workers poll, and nobody maintains unless asked: set shared_preload_libraries = ''astrid'' and restart');
    RETURN NEXT astrid._check('maintenance_worker', (fault IS NOT NULL AND NOT pg_is_in_recovery())::int,
                              CASE WHEN NOT e.preloaded THEN 1 END, CASE WHEN e.preloaded THEN 1 END, 'faults',
                              coalesce(fault, format('process %s maintains this database', e.worker_pid)),
                              'Until then nothing falls due, no lease is taken back and no ring turns');
    pass_s := astrid._seconds(clock_timestamp() - e.passed_at);
    RETURN NEXT astrid._check('maintenance_pass', pass_s, greatest(10 * interval_s, 10), greatest(100 * interval_s, 100),
                              'seconds', coalesce('the last pass ended at ' || e.passed_at, 'no pass is known of'),
                              'The server''s log says what keeps the maintenance worker; a pass is cancelled after astrid.maintenance_timeout');
    RETURN NEXT astrid._check('wait_places', e.waiters::float8 / nullif(e.waiter_slots, 0), 0.9, NULL, 'fraction',
                              coalesce(e.waiters || ' of ' || e.waiter_slots || ' places for sessions in astrid_wait are taken',
                                       'astrid_wait needs preload'),
                              'Who finds none looks ten times a second: raise astrid.max_waiters');
END
$$;
COMMENT ON FUNCTION astrid._health_engine() IS 'Checks: is somebody there to do maintenance, and does he.';

CREATE FUNCTION astrid._health_lags() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    now_at timestamptz := astrid.clock();
    remedy text := coalesce('No maintenance: ' || astrid._engine_fault(),
                            'See maintenance_pass; a pass moves 100000 jobs and takes 1000 leases back at most');
    since timestamptz;
    n bigint;
BEGIN
    SELECT min(w.run_at) INTO since FROM astrid.waiting w WHERE NOT w.blocked AND w.run_at <= now_at;
    RETURN NEXT astrid._check('scheduler_lag', coalesce(astrid._seconds(now_at - since), 0), 10, 60, 'seconds',
                              coalesce('a scheduled job is due since ' || since, 'nothing that is due waits'), remedy);
    SELECT min(r.lease_until), count(*) INTO since, n FROM astrid.running r WHERE r.lease_until <= now_at;
    RETURN NEXT astrid._check('expired_leases', coalesce(astrid._seconds(now_at - since), 0), 10, 60, 'seconds',
                              coalesce(n || ' leases have run out and were not taken back, the first at ' || since,
                                       'no lease has run out'), remedy);
    SELECT min(d.at) INTO since FROM astrid.deadline d WHERE d.at <= now_at;
    RETURN NEXT astrid._check('deadline_lag', coalesce(astrid._seconds(now_at - since), 0), 10, 60, 'seconds',
                              coalesce('a deadline passed at ' || since || ' and was not seen to', 'no deadline that has passed waits'),
                              remedy);
    SELECT min(d.dropped_at), count(*) INTO since, n FROM astrid.dropped_queue d;
    RETURN NEXT astrid._check('dropped_queues', coalesce(astrid._seconds(clock_timestamp() - since), 0), 3600, NULL, 'seconds',
                              coalesce(n || ' dropped queues wait for older transactions, the first since ' || since,
                                       'no dropped queue is left to sweep'),
                              'End the transactions that began before, prepared ones too: see oldest_snapshot');
    RETURN QUERY SELECT * FROM astrid._health_rings(now_at);
    RETURN QUERY SELECT * FROM astrid._health_bulk(now_at, remedy);
    RETURN QUERY SELECT * FROM astrid._health_exports(now_at);
END
$$;
COMMENT ON FUNCTION astrid._health_lags() IS 'Checks: is maintenance behind.';

CREATE FUNCTION astrid._health_rings(at timestamptz) RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    next_slot smallint := astrid._ring_slot(at + interval '1 day');
    -- Days of the rings are days of UTC.
    since timestamptz := date_trunc('day', at, 'UTC');
    ring text;
    used boolean;
    overdue text[] := '{}';
BEGIN
    FOREACH ring IN ARRAY ARRAY['history', 'attempt', 'job_log', 'worker_sample', 'event'] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM astrid.%I)', ring || '_' || next_slot) INTO used;
        IF used THEN
            overdue := overdue || format('astrid.%s_%s', ring, next_slot);
        END IF;
    END LOOP;
    RETURN NEXT astrid._check('ring_rotation', CASE WHEN overdue = '{}' THEN 0 ELSE astrid._seconds(at - since) END, 3600, 72000,
                              'seconds',
                              CASE WHEN overdue = '{}' THEN 'the partitions of tomorrow are empty'
                                   ELSE astrid._some(overdue, cardinality(overdue))
                                        || ' should have been emptied at ' || since END,
                              'Maintenance empties what nobody reads: end long queries on these tables; without maintenance call astrid_maintain()');
END
$$;
COMMENT ON FUNCTION astrid._health_rings(timestamptz) IS 'Check: have the rings been turned today.';

CREATE FUNCTION astrid._health_bulk(at timestamptz, remedy text) RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._check('bulk_lag', coalesce(astrid._seconds(at - min(b.next_at)), 0), 10, 60, 'seconds',
                     coalesce('behind their rate are the bulk operations '
                              || astrid._some(array_agg(b.bulk_id::text ORDER BY b.next_at), count(*)),
                              'no bulk operation is behind its rate'), remedy)
  FROM astrid.bulk_operation b WHERE b.state = 'running' AND b.next_at <= at
UNION ALL
SELECT astrid._check('bulk_failed', count(*), 1, NULL, 'operations',
                     coalesce('failed in the last day have the bulk operations '
                              || astrid._some(array_agg(b.bulk_id::text ORDER BY b.bulk_id), count(*)),
                              'no bulk operation failed in the last day'),
                     'astrid.bulk_status says with what error: start them again')
  FROM astrid.bulk_operation b WHERE b.state = 'failed' AND b.finished_at > at - interval '1 day'
$$;
COMMENT ON FUNCTION astrid._health_bulk(timestamptz, text) IS 'Checks: do bulk operations go on.';

CREATE FUNCTION astrid._health_exports(at timestamptz) RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
-- The first row of each queue, from queue to queue by the index.
WITH RECURSIVE first AS (
    (SELECT x.queue_name, x.exported_at FROM astrid.exported x ORDER BY x.queue_name, x.export_id LIMIT 1)
    UNION ALL
    SELECT n.* FROM first f, LATERAL (SELECT x.queue_name, x.exported_at FROM astrid.exported x
                                       WHERE x.queue_name > f.queue_name ORDER BY x.queue_name, x.export_id LIMIT 1) n)
SELECT astrid._check('exports', coalesce(astrid._seconds(at - min(f.exported_at)), 0), 86400, NULL, 'seconds',
                     coalesce('rows that were removed wait since ' || min(f.exported_at) || ', of queue '
                              || astrid._some(array_agg(format('"%s"', f.queue_name) ORDER BY f.exported_at), count(*)),
                              'nothing waits for astrid_take_exported'),
                     'Nobody fetches them with astrid_take_exported: do, or alter the queue with export => false')
  FROM first f
$$;
COMMENT ON FUNCTION astrid._health_exports(timestamptz) IS 'Check: does somebody fetch what retention exports.';
