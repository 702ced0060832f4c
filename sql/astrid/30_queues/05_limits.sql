CREATE FUNCTION astrid._lay_tokens(queue int, lane int, units int) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_lay_tokens';
COMMENT ON FUNCTION astrid._lay_tokens(int, int, int) IS 'Lays out the tokens of a limit.';

CREATE FUNCTION astrid._deal_concurrency(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    free int;
BEGIN
    DELETE FROM astrid.token t WHERE t.queue_id = q.queue_id AND t.lane IN (0, 3);
    SELECT q.concurrency - count(*) INTO free FROM astrid.running r WHERE r.queue_id = q.queue_id;
    IF free > 0 THEN
        PERFORM astrid._lay_tokens(q.queue_id, 0, free);
    ELSIF free < 0 THEN
        PERFORM astrid._lay_tokens(q.queue_id, 3, -free);  -- each of them swallows the token of a job that ends
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._deal_concurrency(astrid.queue) IS
    'Lays out the tokens for the concurrency of a queue; the caller has locked astrid.running.';

CREATE FUNCTION astrid._deal_groups(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    parked astrid.waiting;
    job astrid.ready;
BEGIN
    DELETE FROM astrid.group_slot g WHERE g.queue_id = q.queue_id;
    UPDATE astrid.ready x SET admission = NULL WHERE x.queue_id = q.queue_id AND x.admission IS NOT NULL;
    UPDATE astrid.waiting x SET admission = NULL WHERE x.queue_id = q.queue_id AND x.admission IS NOT NULL;
    UPDATE astrid.dead x SET admission = NULL WHERE x.queue_id = q.queue_id AND x.admission IS NOT NULL;
    UPDATE astrid.running x
       SET admission = CASE WHEN q.group_concurrency IS NOT NULL AND x.group_key IS NOT NULL THEN 2 END
     WHERE x.queue_id = q.queue_id;
    INSERT INTO astrid.group_slot (queue_id, group_key, job_id)
        SELECT x.queue_id, x.group_key, x.job_id FROM astrid.running x
         WHERE x.queue_id = q.queue_id AND x.admission = 2;
    FOR parked IN DELETE FROM astrid.waiting x WHERE x.queue_id = q.queue_id AND x.parked RETURNING x.* LOOP
        job := astrid._job(parked);
        PERFORM astrid._put(job);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._deal_groups(astrid.queue) IS
    'Applies limits of groups that were changed; the caller has locked astrid.running.';

CREATE FUNCTION astrid._replace(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    job astrid.ready;
BEGIN
    FOR job IN
        WITH gone AS (DELETE FROM astrid.ready r WHERE r.queue_id = q.queue_id RETURNING r.*)
        SELECT * FROM gone g ORDER BY g.enqueued_at, g.job_id
    LOOP
        PERFORM astrid._put(job);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._replace(astrid.queue) IS 'Gives all ready jobs of a queue new places, as its order was changed.';

CREATE FUNCTION astrid._apply_limits(old astrid.queue, new astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    concurrency_changed boolean := new.concurrency IS DISTINCT FROM old.concurrency;
    groups_changed boolean := (new.group_concurrency, new.group_rate_limit, new.group_rate_interval, new.ordered)
        IS DISTINCT FROM (old.group_concurrency, old.group_rate_limit, old.group_rate_interval, old.ordered);
BEGIN
    IF concurrency_changed OR groups_changed THEN
        -- No job starts or ends from here on. Claims read the settings after they have opened the table.
        LOCK TABLE astrid.running IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    IF concurrency_changed THEN
        PERFORM astrid._deal_concurrency(new);
    END IF;
    IF groups_changed THEN
        PERFORM astrid._deal_groups(new);
    END IF;
    IF (new.rate_limit, new.rate_interval) IS DISTINCT FROM (old.rate_limit, old.rate_interval) THEN
        DELETE FROM astrid.token t WHERE t.queue_id = new.queue_id AND t.lane IN (1, 2);
        PERFORM astrid._lay_tokens(new.queue_id, 1, new.rate_limit);
    END IF;
    IF (new.ageing, new.fair) IS DISTINCT FROM (old.ageing, old.fair) THEN
        PERFORM astrid._replace(new);
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._apply_limits(astrid.queue, astrid.queue) IS
    'What follows from changed settings of a queue for its limits and places.';
