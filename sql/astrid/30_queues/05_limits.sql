CREATE FUNCTION astrid._lay_tokens(queue int, lane int, units int) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_lay_tokens';
COMMENT ON FUNCTION astrid._lay_tokens(int, int, int) IS 'Lays out the tokens of a limit.';

CREATE FUNCTION astrid._count_running(queue int) RETURNS int
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_count_running';
COMMENT ON FUNCTION astrid._count_running(int) IS 'Running jobs of the queue as of now, whatever the transaction''s snapshot.';

CREATE FUNCTION astrid._deal_concurrency(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    free int := q.concurrency - astrid._count_running(q.queue_id);
BEGIN
    DELETE FROM astrid.token t WHERE t.queue_id = q.queue_id AND t.lane IN (0, 3);
    IF free > 0 THEN
        PERFORM astrid._lay_tokens(q.queue_id, 0, free);
    ELSIF free < 0 THEN
        PERFORM astrid._lay_tokens(q.queue_id, 3, -free);  -- each of them swallows the token of a job that ends
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._deal_concurrency(astrid.queue) IS
    'Lays out the tokens for the concurrency of a queue; the caller has locked astrid.running.';

CREATE FUNCTION astrid._deal_places(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    -- At the head of an ordered group a job keeps its place while it is not running.
    keeps boolean := q.ordered;
    keeps_dead boolean := q.ordered AND q.dead_blocks;
    limited boolean := q.group_concurrency IS NOT NULL;
BEGIN
    DELETE FROM astrid.group_slot g WHERE g.queue_id = q.queue_id;
    UPDATE astrid.ready x SET admission = NULL WHERE x.queue_id = q.queue_id AND x.admission = 2 AND NOT keeps;
    UPDATE astrid.waiting x SET admission = NULL WHERE x.queue_id = q.queue_id AND x.admission = 2 AND NOT keeps;
    UPDATE astrid.dead x SET admission = NULL WHERE x.queue_id = q.queue_id AND x.admission = 2 AND NOT keeps_dead;
    UPDATE astrid.running x SET admission = CASE WHEN limited AND x.group_key IS NOT NULL THEN 2 END
     WHERE x.queue_id = q.queue_id;
    INSERT INTO astrid.group_slot (queue_id, group_key, job_id)
        SELECT q.queue_id, x.group_key, x.job_id
          FROM (SELECT job_id, queue_id, group_key, admission FROM astrid.running
                UNION ALL SELECT job_id, queue_id, group_key, admission FROM astrid.ready
                UNION ALL SELECT job_id, queue_id, group_key, admission FROM astrid.waiting
                UNION ALL SELECT job_id, queue_id, group_key, admission FROM astrid.dead) x
         WHERE x.queue_id = q.queue_id AND x.admission = 2;
END
$$;
COMMENT ON FUNCTION astrid._deal_places(astrid.queue) IS
    'Gives the places of groups to the jobs that have them under changed limits; the caller has locked them.';

CREATE FUNCTION astrid._unpark(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    parked astrid.waiting;
    job astrid.ready;
BEGIN
    -- In their order, and ahead of those that no claim has looked at, as they were before.
    FOR parked IN
        SELECT x.* FROM astrid.waiting x WHERE x.queue_id = q.queue_id AND x.parked ORDER BY x.lane, x.position FOR UPDATE
    LOOP
        DELETE FROM astrid.waiting x WHERE x.job_id = parked.job_id;
        job := astrid._job(parked);
        job.lane := astrid._lane(q.queue_id, job.priority) - 1;
        job.position := nextval('astrid.job_seq');
        INSERT INTO astrid.ready SELECT (job).*;
        PERFORM astrid._wake(q.queue_name, 1, job.position);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._unpark(astrid.queue) IS 'All jobs that wait for their group are ready: claims look at them again.';

CREATE FUNCTION astrid._free_dead(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    d record;
BEGIN
    PERFORM astrid._enter_groups(q.queue_id, ARRAY['dead']);
    FOR d IN
        WITH freed AS (UPDATE astrid.dead x SET admission = NULL
                        WHERE x.queue_id = q.queue_id AND x.admission = 2 RETURNING x.job_id, x.group_key)
        SELECT * FROM freed f ORDER BY astrid._stripe(f.group_key), f.job_id
    LOOP
        PERFORM astrid._leave_group(q.queue_id, d.group_key, d.job_id);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._free_dead(astrid.queue) IS 'Dead jobs block their groups no more.';

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

CREATE FUNCTION astrid._lock_limits(q astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    -- No job starts or ends, and no place of a group changes hands, from here on. Who does that reads the settings
    -- after it has opened these tables.
    LOCK TABLE astrid.running, astrid.group_slot IN SHARE ROW EXCLUSIVE MODE;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')
        AND astrid._count_running(q.queue_id) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006',
            MESSAGE = format('limits of queue "%s" cannot be changed in this transaction', q.queue_name),
            DETAIL = 'Its snapshot may be older than jobs that are running.',
            HINT = 'Use the isolation level READ COMMITTED.';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._lock_limits(astrid.queue) IS 'Waits for those who start and end jobs, and keeps them away.';

CREATE FUNCTION astrid._apply_limits(old astrid.queue, new astrid.queue) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    concurrency_changed boolean := new.concurrency IS DISTINCT FROM old.concurrency;
    rate_changed boolean := (new.rate_limit, new.rate_interval) IS DISTINCT FROM (old.rate_limit, old.rate_interval);
    groups_changed boolean := (new.group_concurrency, new.ordered) IS DISTINCT FROM (old.group_concurrency, old.ordered);
BEGIN
    IF concurrency_changed OR rate_changed OR groups_changed THEN
        PERFORM astrid._lock_limits(new);
    END IF;
    IF concurrency_changed THEN
        PERFORM astrid._deal_concurrency(new);
    END IF;
    IF rate_changed THEN
        DELETE FROM astrid.token t WHERE t.queue_id = new.queue_id AND t.lane IN (1, 2);
        PERFORM astrid._lay_tokens(new.queue_id, 1, new.rate_limit);
    END IF;
    IF groups_changed THEN
        PERFORM astrid._deal_places(new);
        PERFORM astrid._unpark(new);
    ELSIF old.dead_blocks AND NOT new.dead_blocks THEN
        PERFORM astrid._free_dead(new);
    END IF;
    IF (new.ageing, new.fair) IS DISTINCT FROM (old.ageing, old.fair) THEN
        PERFORM astrid._replace(new);
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._apply_limits(astrid.queue, astrid.queue) IS
    'What follows from changed settings of a queue for its limits and places.';
