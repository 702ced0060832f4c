-- Who works for a queue. A worker tells its type; one that has none is of the type of the queue that it last took a job
-- from (astrid-worker). Clients that send no heartbeat are known by the claims they make.
CREATE FUNCTION astrid._workers_of(q astrid.queue, OUT live bigint, OUT busy bigint, OUT faulty bigint,
                                   OUT draining bigint, OUT last_worker text, OUT last_heartbeat timestamptz,
                                   OUT claimed_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
BEGIN
    SELECT count(*) FILTER (WHERE w.alive AND NOT w.draining),
           count(*) FILTER (WHERE w.alive AND NOT w.draining AND w.status = 'BUSY'),
           count(*) FILTER (WHERE w.alive AND NOT w.draining AND w.status = 'ERROR'),
           count(*) FILTER (WHERE w.alive AND w.draining)
      INTO live, busy, faulty, draining
      FROM (SELECT x.*, x.status <> 'STOPPED' AND x.lease_until > at AS alive FROM astrid.worker x) w
     WHERE q.worker_type IS NULL OR w.worker_type IN (q.worker_type, q.queue_name);
    SELECT w.worker, w.last_heartbeat INTO last_worker, last_heartbeat
      FROM astrid.worker w
     WHERE q.worker_type IS NULL OR w.worker_type IN (q.worker_type, q.queue_name)
     ORDER BY w.last_heartbeat DESC LIMIT 1;
    claimed_at := astrid._claimed_at(q.queue_name);
END
$$;
COMMENT ON FUNCTION astrid._workers_of(astrid.queue) IS
    'Workers of the queue''s type by what they do, the one last heard of, and when somebody last claimed from the queue.';

CREATE FUNCTION astrid._no_worker(q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    w record;
    of_type text := coalesce(' of type "' || q.worker_type || '"', '');
    unclaimed boolean;
BEGIN
    SELECT * INTO w FROM astrid._workers_of(q);
    -- Longer than an idle worker sleeps in astrid_wait.
    unclaimed := w.claimed_at IS NULL OR w.claimed_at < clock_timestamp() - interval '2 minutes';
    IF w.live = 0 AND w.draining > 0 THEN
        RETURN format('all live workers%s (%s) are draining and take no new jobs: start another one', of_type, w.draining);
    ELSIF w.live = 0 AND unclaimed AND NOT EXISTS (SELECT FROM astrid.running r
                                                   WHERE r.queue_id = q.queue_id AND r.lease_until > astrid.clock()) THEN
        RETURN format('no live worker%s sends heartbeats%s%s: start astrid-worker with this queue among its queues', of_type,
                      coalesce(' (the last was "' || w.last_worker || '" at ' || w.last_heartbeat || ')', ''),
                      (SELECT ', and nobody claims from the queue' || coalesce(' (last at ' || w.claimed_at || ')', '')
                         FROM astrid._engine() e WHERE e.preloaded AND current_setting('astrid.claim_floor') = 'on'));
    ELSIF w.live > 0 AND w.live = w.faulty THEN
        RETURN format('all live workers%s (%s) report ERROR: their log says why', of_type, w.live);
    ELSIF w.live > w.busy + w.faulty AND unclaimed AND w.claimed_at IS NOT NULL THEN
        RETURN format('live workers%s wait for jobs (%s), but none has claimed from this queue since %s: name the queue in their setting queues',
                      of_type, w.live - w.busy - w.faulty, w.claimed_at);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION astrid._no_worker(astrid.queue) IS
    'Why nobody takes jobs from the queue, and what to do; null: somebody does.';
