-- Locks on tables; waits for a job's row are short.
CREATE FUNCTION astrid._health_locks() RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._check('lock_waits', coalesce(astrid._seconds(astrid.clock() - min(w.waitstart)), 0), 5, 60, 'seconds',
                     coalesce((array_agg(format('session %s waits for astrid.%s, which is locked by %s', w.pid, w.relname,
                                                coalesce(nullif(array_to_string(pg_blocking_pids(w.pid), ', '), '0'),
                                                         'a prepared transaction'))
                                         ORDER BY w.waitstart))[1],
                              'no session waits for a lock on a table of the queue'),
                     'pg_terminate_backend ends the session that holds it')
  FROM (SELECT l.pid, l.waitstart, c.relname
          FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE NOT l.granted AND c.relnamespace = 'astrid'::regnamespace
           AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) w
$$;
COMMENT ON FUNCTION astrid._health_locks() IS 'Check: who waits for a lock on a table of the queue.';

-- The other checks would wait for it too, as they would behind one who waits for such a lock.
CREATE FUNCTION astrid._health_locked() RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._check('locked_tables', count(*), NULL, 1, 'tables',
                     coalesce(astrid._some(array_agg(format('astrid.%s is %s by %s', t.relname,
                                                            CASE WHEN t.granted THEN 'locked' ELSE 'wanted' END,
                                                            coalesce('session ' || t.pid, 'a prepared transaction'))
                                                     ORDER BY t.granted DESC, t.pid), count(*))
                              || '; the checks that read tables are left out', 'no table of the queue is locked as a whole'),
                     'Nothing goes on until it ends: pg_terminate_backend, or COMMIT PREPARED or ROLLBACK PREPARED')
  FROM (SELECT l.pid, l.granted, c.relname
          FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
           AND c.relnamespace = 'astrid'::regnamespace AND c.relkind = 'r'
           AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
           -- Turning a ring takes such a lock for a moment, and so may VACUUM.
           AND NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = l.pid)) t
$$;
COMMENT ON FUNCTION astrid._health_locked() IS 'Check: is a table of the queue locked as a whole.';

CREATE FUNCTION astrid._health_tables() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    t record;
    bytes bigint;
    sizes text;
    queues bigint := (SELECT count(*) FROM astrid.queue);
    places int := current_setting('astrid.max_stat_queues')::int;
BEGIN
    FOR t IN SELECT x.name, pg_stat_get_dead_tuples(x.id) AS dead, pg_stat_get_live_tuples(x.id) AS live
               FROM (VALUES ('ready', 'astrid.ready'::regclass), ('running', 'astrid.running')) x (name, id) LOOP
        -- A table that is nearly empty may have some thousand dead rows between two vacuums.
        RETURN NEXT astrid._check('dead_rows_' || t.name, round(t.dead / (t.live + 10000.0), 3)::float8, 10, 100, 'dead per live',
                                  format('astrid.%s has %s dead and %s live rows', t.name, t.dead, t.live),
                                  'See oldest_snapshot for what keeps vacuum from removing them, and maintenance_worker, which vacuums');
    END LOOP;
    SELECT sum(pg_total_relation_size(x.id)),
           string_agg(format('%s %s', x.name, pg_size_pretty(pg_total_relation_size(x.id))), ', ' ORDER BY x.name)
      INTO bytes, sizes
      FROM (VALUES ('ready', 'astrid.ready'::regclass), ('waiting', 'astrid.waiting'), ('running', 'astrid.running'),
                   ('dead', 'astrid.dead'), ('token', 'astrid.token'), ('unique_key', 'astrid.unique_key'),
                   ('dependency', 'astrid.dependency')) x (name, id);
    RETURN NEXT astrid._check('hot_tables', bytes, 10e9, NULL, 'bytes', 'tables of live jobs: ' || sizes,
                              'Where dead_rows is not ok, mend that and VACUUM; else jobs come in faster than they go');
    RETURN NEXT astrid._check('stat_places', greatest(queues - places, 0), 1, NULL, 'queues',
                              format('%s queues, places for the statistics of %s', queues, places),
                              'The others are counted by reading their tables: raise astrid.max_stat_queues');
END
$$;
COMMENT ON FUNCTION astrid._health_tables() IS 'Checks: dead rows and sizes of the hot tables, places for statistics.';

CREATE FUNCTION astrid._health_server() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    usable int := current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int;
    used bigint;
    old bigint;
    wal record;
    v record;
    test_clock text := coalesce(current_setting('astrid.test_clock', true), '');
    unsafe text[];
BEGIN
    SELECT sum(d.numbackends) INTO used FROM pg_stat_database d;
    RETURN NEXT astrid._check('connections', round(used / usable::numeric, 3)::float8, 0.8, 0.95, 'fraction',
                              format('%s of %s connections are in use', used, usable),
                              'Raise max_connections, use PgBouncer for producers, or run fewer workers');
    RETURN NEXT astrid._check('notify_queue', CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_notification_queue_usage() END, 0.25,
                              0.75, 'fraction', 'of the queue of NOTIFY is full',
                              'A session that listens sits in a transaction: see snapshot_sessions');
    SELECT greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) INTO old FROM pg_database d WHERE d.datname = current_database();
    RETURN NEXT astrid._check('wraparound', old, 500e6, 1500e6, 'transactions',
                              format('the oldest transaction that is not frozen is %s transactions back', old),
                              'VACUUM (FREEZE) the database; see oldest_snapshot for what prevents it');
    SELECT s.slot_name, greatest(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                                      ELSE pg_current_wal_lsn() END, s.restart_lsn), 0) AS bytes
      INTO wal
      FROM pg_replication_slots s WHERE s.restart_lsn IS NOT NULL ORDER BY s.restart_lsn LIMIT 1;
    RETURN NEXT astrid._check('slot_wal', coalesce(wal.bytes, 0)::float8, 10e9, 100e9, 'bytes',
                              CASE WHEN wal.slot_name IS NULL THEN 'no replication slot holds WAL'
                                   ELSE format('replication slot "%s" holds %s of WAL', wal.slot_name, pg_size_pretty(wal.bytes)) END,
                              'Let it catch up, drop it, or set max_slot_wal_keep_size');
    SELECT array_agg(s.name ORDER BY s.name) INTO unsafe
      FROM pg_settings s WHERE s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off';
    RETURN NEXT astrid._check('durability', coalesce(cardinality(unsafe), 0), 1, NULL, 'settings',
                              coalesce('off: ' || array_to_string(unsafe, ', '), 'fsync and full_page_writes are on'),
                              'A crash of the machine may destroy the database: switch them on');
    RETURN NEXT astrid._check('test_clock', (test_clock <> '')::int, 1, NULL, 'settings',
                              CASE test_clock WHEN '' THEN 'the queue goes by the wall clock' ELSE 'astrid.test_clock is ' || test_clock END,
                              'It is for tests: RESET it, and take it out of the configuration');
    SELECT e.extversion, a.default_version INTO v
      FROM pg_extension e LEFT JOIN pg_available_extensions a ON a.name = e.extname WHERE e.extname = 'astrid';
    RETURN NEXT astrid._check('version', (v.extversion <> v.default_version)::int, 1, NULL, 'faults',
                              format('astrid %s; installed on the server is %s', v.extversion, v.default_version),
                              'Restart the server, then ALTER EXTENSION astrid UPDATE');
    RETURN NEXT astrid._check('rights', (NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'))::int, 1, NULL, 'faults',
                              'these checks run as ' || current_user,
                              format('It does not see other users'' sessions and standbys: GRANT pg_monitor TO %I', current_user));
END
$$;
COMMENT ON FUNCTION astrid._health_server() IS 'Checks: connections, NOTIFY, wraparound, WAL, settings, version.';
