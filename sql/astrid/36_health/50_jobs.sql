CREATE FUNCTION astrid._health_jobs() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    n bigint;
    named text[];
    oldest record;
BEGIN
    SELECT count(*) INTO n FROM (SELECT FROM astrid.dead LIMIT 100001) d;
    RETURN NEXT astrid._check('dead_letters', n, 1000, NULL, 'jobs',
                              CASE WHEN n > 100000 THEN 'more than 100000' ELSE n::text END || ' dead jobs are kept',
                              'astrid.dead_letters shows them: astrid_redrive runs those of a queue again, astrid_clear_queue deletes them, dead_retention forgets them in time');
    SELECT count(*), array_agg(DISTINCT format('"%s"', q.queue_name)) INTO n, named
      FROM astrid.dead d JOIN astrid.queue q USING (queue_id) WHERE d.finished_at > at - interval '1 hour';
    RETURN NEXT astrid._check('died_last_hour', n, 1, 100, 'jobs',
                              n || ' jobs died in the last hour' || coalesce(' in ' || astrid._some(named, cardinality(named)), ''),
                              'Their errors are in astrid.dead_letters; astrid_why tells of one');
    SELECT q.queue_name, astrid._oldest_ready(q.queue_id) AS due INTO oldest
      FROM astrid.queue q WHERE q.enabled ORDER BY due LIMIT 1;
    RETURN NEXT astrid._check('oldest_ready', coalesce(astrid._seconds(at - oldest.due), 0), 3600, NULL, 'seconds',
                              CASE WHEN oldest.due IS NULL THEN 'no job is ready'
                                   ELSE format('a job of queue "%s" is ready since %s', oldest.queue_name, oldest.due) END,
                              'astrid_why of a job in astrid.job_status that is ready says what holds it up');
    SELECT count(*), (array_agg(format('job %s on "%s"', r.job_id, r.worker) ORDER BY r.started_at))[1:3] INTO n, named
      FROM astrid.running r WHERE r.started_at + r.timeout < at - interval '1 minute';
    RETURN NEXT astrid._check('overrun_jobs', n, 1, NULL, 'jobs',
                              CASE n WHEN 0 THEN 'no job runs beyond its timeout'
                                     ELSE 'beyond their timeout run ' || astrid._some(named, n) END,
                              'Their worker does not enforce it: look at it, or drain it with astrid_drain_worker');
    SELECT count(*), array_agg(format('"%s"', q.queue_name) ORDER BY q.queue_id) INTO n, named
      FROM astrid.queue q WHERE NOT q.enabled AND EXISTS (SELECT FROM astrid.ready r WHERE r.queue_id = q.queue_id);
    RETURN NEXT astrid._check('paused_queues', n, 1, NULL, 'queues',
                              CASE n WHEN 0 THEN 'no queue with ready jobs is paused'
                                     ELSE 'paused, with jobs that are ready: ' || astrid._some(named, n) END,
                              'astrid_resume_queue ends a pause');
END
$$;
COMMENT ON FUNCTION astrid._health_jobs() IS 'Checks: dead letters, jobs that are late, paused queues.';

CREATE FUNCTION astrid._health_workers() RETURNS SETOF astrid._finding
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    n bigint;
    named text[];
    ahead float8;
BEGIN
    SELECT count(*), array_agg(format('"%s": %s', w.queue_name, w.reason) ORDER BY w.queue_id) INTO n, named
      FROM (SELECT q.queue_id, q.queue_name, astrid._no_worker(q) AS reason FROM astrid.queue q
             WHERE q.enabled AND EXISTS (SELECT FROM astrid.ready r WHERE r.queue_id = q.queue_id)) w
     WHERE w.reason IS NOT NULL;
    RETURN NEXT astrid._check('queues_without_worker', n, 1, NULL, 'queues',
                              CASE n WHEN 0 THEN 'every queue with ready jobs is served' ELSE astrid._some(named, n) END, NULL);
    SELECT count(*), array_agg(format('"%s" (last heard of at %s)', w.worker, w.last_heartbeat) ORDER BY w.last_heartbeat DESC)
      INTO n, named
      FROM astrid.worker w
     WHERE w.status <> 'STOPPED' AND w.lease_until <= at AND w.last_heartbeat > at - interval '1 day';
    RETURN NEXT astrid._check('lost_workers', n, 1, NULL, 'workers',
                              CASE n WHEN 0 THEN 'no worker vanished in the last day'
                                     ELSE 'without saying so stopped ' || astrid._some(named, n) END,
                              'Their jobs run again when the leases end; look at their logs');
    SELECT count(*), array_agg(format('"%s"', w.worker) ORDER BY w.worker) INTO n, named
      FROM astrid.worker w WHERE w.status = 'ERROR' AND w.lease_until > at;
    RETURN NEXT astrid._check('workers_in_error', n, 1, NULL, 'workers',
                              CASE n WHEN 0 THEN 'no live worker reports ERROR'
                                     ELSE 'ERROR is reported by ' || astrid._some(named, n) END,
                              'They take no jobs: their log says why');
    SELECT astrid._seconds(max(w.last_heartbeat) - at) INTO ahead FROM astrid.worker w;
    RETURN NEXT astrid._check('clock', coalesce(ahead, 0), 5, NULL, 'seconds',
                              CASE WHEN ahead > 0 THEN 'a heartbeat lies ahead of the clock' ELSE 'no heartbeat lies ahead of the clock' END,
                              'The clock was set back: leases and schedules come later by as much');
END
$$;
COMMENT ON FUNCTION astrid._health_workers() IS 'Checks: who works, and does the clock go on.';
