-- Readers see sessions, slots and standbys through it, but no query text.
CREATE FUNCTION astrid._health() RETURNS TABLE (check_name text, status text, value float8, threshold float8, unit text,
                                                detail text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET lock_timeout = '2s' SET jit = off AS
$$
DECLARE
    locked boolean;
BEGIN
    RETURN QUERY SELECT * FROM astrid._health_horizon();
    RETURN QUERY SELECT * FROM astrid._health_writers();
    RETURN QUERY SELECT * FROM astrid._health_prepared();
    RETURN QUERY SELECT * FROM astrid._health_engine();
    RETURN QUERY SELECT * FROM astrid._health_server();
    RETURN QUERY SELECT * FROM astrid._health_locks();
    RETURN QUERY SELECT * FROM astrid._health_locked();
    SELECT h.value > 0 INTO locked FROM astrid._health_locked() h;
    IF locked THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM astrid._health_lags();
    RETURN QUERY SELECT * FROM astrid._health_limits();
    RETURN QUERY SELECT * FROM astrid._health_jobs();
    RETURN QUERY SELECT * FROM astrid._health_workers();
    RETURN QUERY SELECT * FROM astrid._health_tables();
END
$$;
COMMENT ON FUNCTION astrid._health() IS 'All rows of astrid.health.';

CREATE VIEW astrid.health AS
SELECT h.check_name, h.status, h.value, h.threshold, h.unit, h.detail FROM astrid._health() h;

COMMENT ON VIEW astrid.health IS 'What an operator must know: one row per check, with the remedy where something is wrong.';
COMMENT ON COLUMN astrid.health.check_name IS 'What is looked at; docs/operations.md explains each.';
COMMENT ON COLUMN astrid.health.status IS 'ok, warning or critical.';
COMMENT ON COLUMN astrid.health.value IS 'What was measured; null: not known.';
COMMENT ON COLUMN astrid.health.threshold IS 'From this value on it is not ok.';
COMMENT ON COLUMN astrid.health.unit IS 'Unit of value and threshold.';
COMMENT ON COLUMN astrid.health.detail IS 'What it is, who it is, and what to do if it is not ok.';
