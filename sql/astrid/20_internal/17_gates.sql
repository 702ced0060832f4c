-- The locks of groups, until the end of the transaction. Who hands a place of a group on has its lock, and then waits for
-- the job that gets the place. So all take locks in one order: running jobs, by number; groups, by queue and
-- number of the lock; other jobs.

CREATE FUNCTION astrid._enter_group(queue int, group_key text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_enter_group';
COMMENT ON FUNCTION astrid._enter_group(int, text) IS
    'Keeps all others from the group until this transaction ends. Who takes a job that is parked or has a place does so first.';

CREATE FUNCTION astrid._try_group(queue int, group_key text) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_try_group';
COMMENT ON FUNCTION astrid._try_group(int, text) IS
    'The same without waiting: false where another transaction has the group. Maintenance does so: it waits for nobody''s transaction, and may then take jobs and groups in any order.';

CREATE FUNCTION astrid._enter_groups(queue int, states text[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    one text;
BEGIN
    FOR one IN
        SELECT min(g.group_key)
          FROM (SELECT w.group_key FROM astrid.waiting w
                 WHERE w.queue_id = queue AND (w.parked OR w.admission = 2)
                   AND CASE WHEN w.blocked THEN 'blocked' ELSE 'scheduled' END = ANY (states)
                UNION ALL
                SELECT r.group_key FROM astrid.ready r
                 WHERE r.queue_id = queue AND r.admission = 2 AND 'ready' = ANY (states)
                UNION ALL
                SELECT d.group_key FROM astrid.dead d
                 WHERE d.queue_id = queue AND d.admission = 2 AND 'dead' = ANY (states)) g
         GROUP BY astrid._stripe(g.group_key) ORDER BY astrid._stripe(g.group_key)
    LOOP
        PERFORM astrid._enter_group(queue, one);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._enter_groups(int, text[]) IS
    'Takes the locks of all groups in which jobs of these states are parked or have a place, in their order, before any of the jobs is locked.';

CREATE FUNCTION astrid._enter_groups_of(jobs bigint[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT g.queue_id, min(g.group_key) AS group_key
          FROM (SELECT w.queue_id, w.group_key FROM astrid.waiting w
                 WHERE w.job_id = ANY (jobs) AND (w.parked OR w.admission = 2)
                UNION ALL
                SELECT r.queue_id, r.group_key FROM astrid.ready r WHERE r.job_id = ANY (jobs) AND r.admission = 2
                UNION ALL
                SELECT d.queue_id, d.group_key FROM astrid.dead d WHERE d.job_id = ANY (jobs) AND d.admission = 2) g
         GROUP BY g.queue_id, astrid._stripe(g.group_key) ORDER BY g.queue_id, astrid._stripe(g.group_key)
    LOOP
        PERFORM astrid._enter_group(one.queue_id, one.group_key);
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._enter_groups_of(bigint[]) IS
    'Takes the locks of all groups in which these jobs are parked or have a place, in their order, before any of the jobs is taken.';
