-- Who keeps dead rows from being removed: the oldest transaction that something still needs to see. A queue under load
-- suffers within minutes (docs/adr/010-claim-floor.md).
CREATE FUNCTION astrid._horizon() RETURNS TABLE (kind text, holder text, transactions bigint, since timestamptz,
                                                 whole boolean, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
-- Another database's sessions are no matter, nor is VACUUM, which nobody waits for.
SELECT 'session', format('session %s (user %s, application "%s", %s%s)', a.pid, a.usename, a.application_name,
                         a.backend_type, coalesce(', ' || a.state, '')),
       greatest(age(a.backend_xmin), age(a.backend_xid))::bigint, a.xact_start, true,
       format('pg_terminate_backend(%s) ends it; idle_in_transaction_session_timeout and statement_timeout prevent it', a.pid)
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND coalesce(a.backend_xmin, a.backend_xid) IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
UNION ALL
SELECT 'prepared', format('prepared transaction "%s" (user %s)', p.gid, p.owner), age(p.transaction)::bigint, p.prepared,
       true, format('COMMIT PREPARED or ROLLBACK PREPARED %L ends it', p.gid)
  FROM pg_prepared_xacts p WHERE p.database = current_database()
UNION ALL
SELECT 'slot', format('replication slot "%s" (%s)', s.slot_name, CASE WHEN s.active THEN 'in use' ELSE 'nobody uses it' END),
       age(s.xmin)::bigint, NULL, true,
       format('end the long query on its standby, or hot_standby_feedback there; where the standby is gone, pg_drop_replication_slot(%L)',
              s.slot_name)
  FROM pg_replication_slots s WHERE s.xmin IS NOT NULL
UNION ALL
SELECT 'slot', format('replication slot "%s" (%s; it holds the catalogs, not the jobs)', s.slot_name,
                      CASE WHEN s.active THEN 'in use' ELSE 'nobody uses it' END),
       age(s.catalog_xmin)::bigint, NULL, false,
       format('let its subscriber catch up; where it is gone, pg_drop_replication_slot(%L)', s.slot_name)
  FROM pg_replication_slots s WHERE s.catalog_xmin IS NOT NULL
UNION ALL
SELECT 'standby', format('standby "%s" (hot_standby_feedback)', r.application_name), age(r.backend_xmin)::bigint, NULL, true,
       'end the long query on the standby, or set max_standby_streaming_delay there and hot_standby_feedback off'
  FROM pg_stat_replication r WHERE r.backend_xmin IS NOT NULL
$$;
COMMENT ON FUNCTION astrid._horizon() IS
    'All that holds a snapshot in this database: kind, who, how many transactions old, since when, whether it holds dead jobs (else only the catalogs), remedy.';

CREATE FUNCTION astrid._health_horizon() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    k record;
    h record;
    told text;
BEGIN
    FOR k IN SELECT * FROM (VALUES
        ('oldest_snapshot', '{session,prepared,slot,standby}'::text[], 'transactions', 100000, 10000000),
        ('snapshot_sessions', '{session}', 'seconds', 600, 3600),
        ('snapshot_prepared', '{prepared}', 'seconds', 600, 3600),
        ('snapshot_slots', '{slot}', 'transactions', 100000, 10000000),
        ('snapshot_standbys', '{standby}', 'transactions', 100000, 10000000)) v (name, kinds, unit, warning, critical)
    LOOP
        SELECT x.* INTO h FROM astrid._horizon() x
         WHERE x.kind = ANY (k.kinds) AND (x.whole OR k.name <> 'oldest_snapshot')
         ORDER BY x.transactions DESC, x.since LIMIT 1;
        told := CASE WHEN h.holder IS NULL THEN 'nothing holds one'
                     ELSE h.holder || ' holds a snapshot that is ' || h.transactions || ' transactions old'
                          || coalesce(', since ' || h.since, '') END;
        RETURN NEXT astrid._check(k.name, CASE WHEN h.holder IS NULL THEN 0 WHEN k.unit = 'seconds' THEN astrid._seconds(at - h.since)
                                               ELSE h.transactions END,
                                  k.warning, k.critical, k.unit, told, h.remedy);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._health_horizon() IS 'Checks: what holds the oldest snapshot, of all and of each kind.';

-- Of all databases: who reads events, and who waits for a queue to be drained, waits for all that began before.
CREATE FUNCTION astrid._health_writers() RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
WITH writer AS (
    SELECT format('session %s in database "%s" (user %s, application "%s")', a.pid, a.datname, a.usename, a.application_name)
           AS who, a.xact_start AS since, age(a.backend_xid) AS transactions
      FROM pg_stat_activity a WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT format('prepared transaction "%s" in database "%s"', p.gid, p.database), p.prepared, age(p.transaction)
      FROM pg_prepared_xacts p),
oldest AS (SELECT * FROM writer w ORDER BY w.transactions DESC, w.since LIMIT 1)
SELECT astrid._check('oldest_writer', coalesce(astrid._seconds(astrid.clock() - min(o.since)), 0), 60, 3600, 'seconds',
                     coalesce(min(o.who) || ' has a transaction that writes, since ' || min(o.since),
                              'nobody else is writing'),
                     'Until it ends astrid_events gives out nothing later, no drained queue is told to be empty and no dropped one swept')
  FROM oldest o
$$;
COMMENT ON FUNCTION astrid._health_writers() IS 'Check: the oldest transaction that writes, in any database.';

CREATE FUNCTION astrid._health_prepared() RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._check('prepared_jobs', astrid._seconds(astrid.clock() - min(p.prepared)), 60, 600, 'seconds',
                     coalesce('prepared transactions that have touched jobs: '
                              || astrid._some(array_agg(format('"%s"', p.gid) ORDER BY p.prepared), count(*)),
                              'no prepared transaction has touched jobs'),
                     'What they enqueued or claimed nobody else sees: COMMIT PREPARED or ROLLBACK PREPARED')
  FROM pg_prepared_xacts p
 WHERE p.database = current_database()
   AND EXISTS (SELECT FROM pg_locks own JOIN pg_locks l USING (virtualtransaction) JOIN pg_class c ON c.oid = l.relation
                WHERE own.transactionid = p.transaction AND own.pid IS NULL AND l.pid IS NULL
                  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                  AND c.relnamespace = 'astrid'::regnamespace)
$$;
COMMENT ON FUNCTION astrid._health_prepared() IS 'Check: prepared transactions with jobs in them.';
