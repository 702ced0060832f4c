-- What must add up, whatever happens. A row here that is not ok is a defect of astrid: report it.
CREATE FUNCTION astrid._unsound_limits() RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT format('queue "%s": %s free + %s running - %s withdrawn is not its concurrency of %s', q.queue_name, t.free, r.n, t.debt,
              q.concurrency)
  FROM astrid.queue q,
       LATERAL (SELECT coalesce(sum(x.units) FILTER (WHERE x.lane = 0), 0) AS free,
                       count(*) FILTER (WHERE x.lane = 3) AS debt FROM astrid.token x WHERE x.queue_id = q.queue_id) t,
       LATERAL (SELECT count(*) AS n FROM astrid.running x WHERE x.queue_id = q.queue_id) r
 WHERE q.concurrency IS NOT NULL AND t.free + r.n - t.debt <> q.concurrency
UNION ALL
SELECT format('queue "%s": %s units of its rate limit of %s', q.queue_name, t.n, q.rate_limit)
  FROM astrid.queue q,
       LATERAL (SELECT coalesce(sum(x.units), 0) AS n FROM astrid.token x
                 WHERE x.queue_id = q.queue_id AND x.lane IN (1, 2)) t
 WHERE q.rate_limit IS NOT NULL AND t.n <> q.rate_limit
$$;
COMMENT ON FUNCTION astrid._unsound_limits() IS 'Queues whose units do not add up to their limit.';

CREATE FUNCTION astrid._unsound_groups() RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT format('job %s holds a place of its group but does not live', g.job_id)
  FROM astrid.group_slot g
 WHERE NOT EXISTS (SELECT FROM astrid.running x WHERE x.job_id = g.job_id AND x.admission = 2)
   AND NOT EXISTS (SELECT FROM astrid.ready x WHERE x.job_id = g.job_id AND x.admission = 2)
   AND NOT EXISTS (SELECT FROM astrid.waiting x WHERE x.job_id = g.job_id AND x.admission = 2)
   AND NOT EXISTS (SELECT FROM astrid.dead x WHERE x.job_id = g.job_id AND x.admission = 2)
UNION ALL
SELECT format('job %s runs without a place of its group', r.job_id)
  FROM astrid.running r
 WHERE r.admission = 2
   AND NOT EXISTS (SELECT FROM astrid.group_slot g
                    WHERE g.queue_id = r.queue_id AND g.group_key = r.group_key AND g.job_id = r.job_id)
$$;
COMMENT ON FUNCTION astrid._unsound_groups() IS 'Places of groups without a job, running jobs without their place.';

CREATE FUNCTION astrid._unsound_parked() RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT format('group "%s" of queue "%s"', w.group_key, q.queue_name)
  FROM (SELECT DISTINCT x.queue_id, x.group_key FROM astrid.waiting x WHERE x.parked) w
  JOIN astrid.queue q USING (queue_id)
 WHERE q.group_concurrency IS NULL
    OR (SELECT count(*) FROM astrid.group_slot g
         WHERE g.key_hash = astrid._key_hash(w.queue_id, w.group_key) AND g.queue_id = w.queue_id
           AND g.group_key = w.group_key) < q.group_concurrency
$$;
COMMENT ON FUNCTION astrid._unsound_parked() IS 'Groups with a free place and jobs that wait for one.';

CREATE FUNCTION astrid._sound(check_name text, faults text[], fact text, remedy text) RETURNS astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._check(check_name, cardinality(faults), NULL, 1, 'faults',
                     CASE WHEN faults = '{}' THEN fact ELSE astrid._some(faults, cardinality(faults)) END, remedy)
$$;
COMMENT ON FUNCTION astrid._sound(text, text[], text, text) IS 'A finding about what must have no faults.';

CREATE FUNCTION astrid._health_limits() RETURNS SETOF astrid._finding
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._sound('limit_units', ARRAY(SELECT astrid._unsound_limits()), 'free and used units add up to the limit of each queue',
                     'astrid_alter_queue with another limit, and back, deals the units out again. Report it: this should not be')
UNION ALL
SELECT astrid._sound('group_places', ARRAY(SELECT astrid._unsound_groups()), 'each place of a group belongs to a job that lives',
                     'astrid_alter_queue with another group_concurrency, and back, deals the places out again. Report it: this should not be')
UNION ALL
SELECT astrid._sound('parked_jobs', ARRAY(SELECT astrid._unsound_parked()), 'no job waits for its group while a place is free',
                     'astrid_alter_queue with another group_concurrency, and back, deals the places out again. Report it: this should not be')
$$;
COMMENT ON FUNCTION astrid._health_limits() IS 'Checks: do limits add up.';
