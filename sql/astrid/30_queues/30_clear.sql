CREATE FUNCTION astrid.clear_queue(queue text, states text[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
    wanted text[] := coalesce(states, ARRAY['ready', 'scheduled', 'blocked']);
    finished bigint := 0;
    jobs bigint[];
    leaving bigint[];
    leaving_groups text[];
    keyed bigint[];
    keys text[];
BEGIN
    IF NOT wanted <@ ARRAY['ready', 'scheduled', 'blocked', 'dead', 'completed', 'cancelled'] THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "states"',
            DETAIL = 'A queue can be cleared of ready, scheduled, blocked, dead, completed and cancelled jobs.',
            HINT = 'astrid_cancel ends a running job.';
    END IF;
    PERFORM astrid._enter_groups(id, wanted);
    IF wanted && ARRAY['scheduled', 'blocked'] THEN
        -- One that maintenance is just making ready is found there below.
        PERFORM FROM astrid.waiting w
          WHERE w.queue_id = id AND CASE WHEN w.blocked THEN 'blocked' ELSE 'scheduled' END = ANY (wanted)
          ORDER BY w.job_id FOR UPDATE;
    END IF;
    WITH waiting AS (
        DELETE FROM astrid.waiting w
         WHERE w.queue_id = id AND CASE WHEN w.blocked THEN 'blocked' ELSE 'scheduled' END = ANY (wanted)
        RETURNING w.job_id, w.unique_key, w.group_key, w.admission),
    ready AS (
        DELETE FROM astrid.ready r WHERE r.queue_id = id AND 'ready' = ANY (wanted)
        RETURNING r.job_id, r.unique_key, r.group_key, r.admission),
    dead AS (  -- without a key
        DELETE FROM astrid.dead d WHERE d.queue_id = id AND 'dead' = ANY (wanted)
        RETURNING d.job_id, NULL::text, d.group_key, d.admission)
    SELECT array_agg(g.job_id), array_agg(g.job_id) FILTER (WHERE g.admission = 2),
           array_agg(g.group_key) FILTER (WHERE g.admission = 2),
           array_agg(g.job_id) FILTER (WHERE g.unique_key IS NOT NULL),
           array_agg(g.unique_key) FILTER (WHERE g.unique_key IS NOT NULL)
      INTO jobs, leaving, leaving_groups, keyed, keys
      FROM (TABLE waiting UNION ALL TABLE ready UNION ALL TABLE dead) g;
    PERFORM astrid._forget_key(id, u.k, u.j) FROM unnest(keys, keyed) AS u (k, j) ORDER BY u.k COLLATE "C";
    PERFORM astrid._leave_group(id, u.g, u.j) FROM unnest(leaving_groups, leaving) AS u (g, j)
        ORDER BY astrid._stripe(u.g), u.j;
    IF wanted && ARRAY['completed', 'cancelled'] THEN
        DELETE FROM astrid.history h WHERE h.queue_id = id AND h.state = ANY (wanted);
        GET DIAGNOSTICS finished = ROW_COUNT;
    END IF;
    PERFORM astrid._jobs_ended(jobs, 'deleted');
    RETURN coalesce(cardinality(jobs), 0) + finished;
END
$$;
COMMENT ON FUNCTION astrid.clear_queue(text, text[]) IS
    'Deletes the jobs of a queue in these states (null: ready, scheduled, blocked), without a trace; returns how many.';
