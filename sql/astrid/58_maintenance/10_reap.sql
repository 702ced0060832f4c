CREATE FUNCTION astrid.reap() RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    over bigint[] := ARRAY(SELECT y.job_id FROM astrid.running y WHERE y.lease_until <= at ORDER BY y.job_id LIMIT 1000
                              FOR UPDATE SKIP LOCKED);
    r astrid.running;
    n int := 0;
BEGIN
    -- From the rows of jobs: not while some are in the loop.
    PERFORM astrid._restore_keys();
    -- The time that the lease ran was the wait: the retry follows at once. What another transaction is just doing to the
    -- group of a job is not waited for: the next pass looks again.
    FOR r IN
        WITH gone AS (
            DELETE FROM astrid.running x
             WHERE x.job_id = ANY (over)
               AND (x.admission IS DISTINCT FROM 2 OR astrid._try_group(x.queue_id, x.group_key))
            RETURNING x.*)
        SELECT * FROM gone ORDER BY job_id
    LOOP
        PERFORM astrid._end_attempt(r, 'lease expired', format('lease of worker "%s" expired', r.worker), true,
                                    interval '0', NULL);
        n := n + 1;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid.reap() IS
    'Takes back jobs whose lease ran out: ready again, or dead when the attempts are used up. Returns how many (at most 1000).';

CREATE FUNCTION astrid._promote() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    at timestamptz := astrid.clock();
    due record;
    n int := 0;
BEGIN
    FOR due IN
        WITH gone AS (
            DELETE FROM astrid.waiting x
             WHERE x.job_id = ANY (ARRAY(SELECT y.job_id FROM astrid.waiting y WHERE NOT y.blocked AND y.run_at <= at
                                          ORDER BY y.run_at, y.job_id LIMIT 10000 FOR UPDATE SKIP LOCKED))
            RETURNING x.*),
        moved AS (
            INSERT INTO astrid.ready (job_id, position, run_at, enqueued_at, queue_id, priority, lane, attempt,
                                      max_attempts, crashes, timeout, deadline, admission, unique_key, group_key, tags,
                                      retry, payload)
            SELECT g.job_id, astrid._position(g.queue_id, g.priority, g.group_key), g.run_at, g.enqueued_at,
                   g.queue_id, g.priority, astrid._lane_of(g.queue_id, g.priority, g.admission), g.attempt, g.max_attempts, g.crashes,
                   g.timeout, g.deadline, g.admission, g.unique_key, g.group_key, g.tags, g.retry, g.payload
              FROM (SELECT * FROM gone ORDER BY run_at, job_id) g
            RETURNING queue_id, position)
        SELECT q.queue_name, m.jobs, m.first
          FROM (SELECT queue_id, count(*)::int AS jobs, min(position) AS first FROM moved GROUP BY queue_id) m
          JOIN astrid.queue q USING (queue_id)
    LOOP
        n := n + due.jobs;
        PERFORM astrid._wake(due.queue_name, due.jobs, due.first);
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._promote() IS
    'Scheduled jobs whose time has come become ready, by run_at and number: at most 10000.';
