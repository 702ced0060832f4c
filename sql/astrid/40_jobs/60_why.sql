CREATE FUNCTION astrid.job(job_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    found_job jsonb;
BEGIN
    SELECT to_jsonb(s) INTO found_job FROM astrid.job_status s WHERE s.job_id = job_id;
    IF found_job IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN found_job || jsonb_build_object(
        'attempts', coalesce((SELECT d.attempts FROM astrid.dead d WHERE d.job_id = job_id), astrid._attempts(job_id)),
        'depends_on', (SELECT coalesce(jsonb_agg(d.parent_id ORDER BY d.parent_id), '[]')
                         FROM astrid.dependency d WHERE d.child_id = job_id),
        'log', (SELECT coalesce(jsonb_agg(l.line ORDER BY l.line -> 'logged_at'), '[]')
                  FROM (SELECT to_jsonb(x) - 'slot' - 'job_id' - 'lease_id' AS line
                          FROM astrid.job_log x WHERE x.job_id = job_id ORDER BY x.logged_at DESC LIMIT 100) l));
END
$$;
COMMENT ON FUNCTION astrid.job(bigint) IS
    'All that is known of a job: its row of job_status, failed attempts, the jobs it waits for, its last 100 log lines. Null: no such job.';

CREATE FUNCTION astrid._why_ready(r astrid.ready, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    ahead bigint;
    running bigint;
BEGIN
    IF NOT q.enabled THEN
        RETURN format('ready, but queue "%s" is paused: astrid_resume_queue ends that', q.queue_name);
    END IF;
    SELECT count(*) INTO running FROM astrid.running x WHERE x.queue_id = q.queue_id;
    IF running >= q.concurrency THEN
        RETURN format('ready, but queue "%s" has reached its limit: %s of %s jobs are running', q.queue_name, running,
                      q.concurrency);
    END IF;
    SELECT count(*) INTO ahead FROM astrid.ready x
     WHERE x.queue_id = r.queue_id AND (x.priority, x.position) < (r.priority, r.position);
    IF NOT EXISTS (SELECT FROM astrid.worker w
                    WHERE w.worker_type IS NOT DISTINCT FROM coalesce(q.worker_type, w.worker_type)
                      AND w.status <> 'STOPPED' AND w.lease_until > astrid.clock()) AND running = 0 THEN
        RETURN format('ready, %s ahead of it in queue "%s", but no live worker%s has sent a heartbeat', ahead,
                      q.queue_name, coalesce(format(' of type "%s"', q.worker_type), ''));
    END IF;
    RETURN format('ready, %s ahead of it in queue "%s"; the next free worker takes the first', ahead, q.queue_name);
END
$$;
COMMENT ON FUNCTION astrid._why_ready(astrid.ready, astrid.queue) IS 'astrid.why for a ready job.';

CREATE FUNCTION astrid._why_waiting(w astrid.waiting) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    last_error text;
BEGIN
    IF w.blocked THEN
        RETURN 'blocked: waits for ' || (
            SELECT string_agg(format('job %s (%s)', d.parent_id, coalesce(astrid._state(d.parent_id), 'does not exist')),
                              ', ' ORDER BY d.parent_id)
              FROM astrid.dependency d WHERE d.child_id = w.job_id);
    END IF;
    IF w.run_at <= astrid.clock() THEN
        RETURN format('scheduled: due since %s, the next maintenance pass makes it ready', w.run_at);
    END IF;
    SELECT a.error INTO last_error FROM astrid.attempt a WHERE a.job_id = w.job_id ORDER BY a.lease_id DESC LIMIT 1;
    IF FOUND THEN
        RETURN format('scheduled: attempt %s of %s failed (%s), the next one is due at %s', w.attempt, w.max_attempts,
                      coalesce(last_error, 'no error text'), w.run_at);
    END IF;
    RETURN format('scheduled: due at %s', w.run_at);
END
$$;
COMMENT ON FUNCTION astrid._why_waiting(astrid.waiting) IS 'astrid.why for a scheduled or blocked job.';

CREATE FUNCTION astrid.why(job_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    q astrid.queue;
    r astrid.ready;
    w astrid.waiting;
    x astrid.running;
    d astrid.dead;
    h astrid.history;
BEGIN
    SELECT t.* INTO r FROM astrid.ready t WHERE t.job_id = job_id;
    IF FOUND THEN
        SELECT t.* INTO q FROM astrid.queue t WHERE t.queue_id = r.queue_id;
        RETURN astrid._why_ready(r, q);
    END IF;
    SELECT t.* INTO w FROM astrid.waiting t WHERE t.job_id = job_id;
    IF FOUND THEN
        RETURN astrid._why_waiting(w);
    END IF;
    SELECT t.* INTO x FROM astrid.running t WHERE t.job_id = job_id;
    IF FOUND THEN
        IF x.lease_until <= astrid.clock() THEN
            RETURN format('running, but the lease of worker "%s" ran out at %s: the next maintenance pass takes it back',
                          x.worker, x.lease_until);
        ELSIF x.command = 'cancel' THEN
            RETURN format('running on worker "%s", which the next heartbeat tells to cancel it', x.worker);
        END IF;
        RETURN format('it is running: worker "%s", attempt %s of %s, since %s, lease until %s', x.worker, x.attempt,
                      x.max_attempts, x.started_at, x.lease_until);
    END IF;
    SELECT t.* INTO d FROM astrid.dead t WHERE t.job_id = job_id;
    IF FOUND THEN
        RETURN format('dead since %s after attempt %s of %s: %s; astrid_retry gives it new attempts', d.finished_at,
                      d.attempt, d.max_attempts, coalesce(d.error, 'no error text'));
    END IF;
    SELECT t.* INTO h FROM astrid.history t WHERE t.job_id = job_id;
    IF FOUND THEN
        RETURN format('%s at %s', h.state, h.finished_at);
    END IF;
    RETURN format('there is no job %s: it never existed, was cleared, or finished long ago', job_id);
END
$$;
COMMENT ON FUNCTION astrid.why(bigint) IS 'Why the job is not running now, in plain words.';
