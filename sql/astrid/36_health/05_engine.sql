CREATE FUNCTION astrid._claimed_at(queue text) RETURNS timestamptz
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_claimed_at';
COMMENT ON FUNCTION astrid._claimed_at(text) IS
    'When a claim last looked into the queue, by the real clock; null: not known (not preloaded, or not since the start).';

CREATE FUNCTION astrid._note_pass() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_note_pass';
COMMENT ON FUNCTION astrid._note_pass() IS 'A maintenance pass is done: remembers the time in shared memory.';

CREATE FUNCTION astrid._engine(OUT preloaded boolean, OUT maintenance boolean, OUT launcher boolean, OUT known boolean,
                               OUT worker_pid int, OUT failures int, OUT passed_at timestamptz, OUT waiters int,
                               OUT waiter_slots int)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_engine';
COMMENT ON FUNCTION astrid._engine() IS
    'What shared memory knows: preloaded, maintenance switched on, launcher there, this database known to it, its worker, failures in a row, last pass, sessions in astrid_wait and places for them.';

-- Why what falls due stays where it is. Asked by astrid.why and by the view astrid.health.
CREATE FUNCTION astrid._engine_fault() RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    e record;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN 'this server is a standby: maintenance runs on its primary';
    END IF;
    SELECT * INTO e FROM astrid._engine();
    IF NOT e.preloaded THEN
        RETURN 'astrid is not preloaded, so that no background worker does maintenance: set shared_preload_libraries = ''astrid'' and restart, or let somebody (astrid-worker does) call astrid_maintain() every second';
    ELSIF NOT e.maintenance THEN
        RETURN 'astrid.maintenance is off: switch it on and reload, or call astrid_maintain() every second';
    ELSIF NOT e.launcher THEN
        RETURN 'astrid''s launcher does not run: the server''s log says why, and max_worker_processes must leave room for it';
    ELSIF NOT e.known THEN
        RETURN 'astrid''s launcher has no place for this database: raise astrid.max_databases, unless the database is a template or was made a moment ago';
    ELSIF e.worker_pid IS NULL THEN
        RETURN format('the maintenance worker of this database does not run (%s failures in a row): the server''s log says why, and max_worker_processes must leave room for it',
                      e.failures);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION astrid._engine_fault() IS
    'Why no background worker does maintenance in this database, and what to do; null: one does.';
