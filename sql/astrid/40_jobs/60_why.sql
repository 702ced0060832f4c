CREATE FUNCTION astrid._waits_for(w astrid.waiting) RETURNS SETOF astrid.dependency
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT d.* FROM unnest(w.parents) p (id), astrid.dependency d
 WHERE w.parents_left > 0 AND d.parent_id = p.id AND w.job_id = ANY (d.child_ids)
$$;
COMMENT ON FUNCTION astrid._waits_for(astrid.waiting) IS 'A row for each parent of a blocked job that has not ended yet.';

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
                         FROM astrid.waiting w, astrid._waits_for(w) d WHERE w.job_id = job_id),
        'log', (SELECT coalesce(jsonb_agg(l.line ORDER BY l.line -> 'logged_at'), '[]')
                  FROM (SELECT to_jsonb(x) - '{slot,job_id,lease_id,queue_id}'::text[] AS line
                          FROM astrid.job_log x WHERE x.job_id = job_id ORDER BY x.logged_at DESC LIMIT 100) l));
END
$$;
COMMENT ON FUNCTION astrid.job(bigint) IS
    'All that is known of a job: its row of job_status, failed attempts, the jobs it waits for, its last 100 log lines. Null: no such job.';

CREATE FUNCTION astrid._why_ready(r astrid.ready, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    reasons text[];
BEGIN
    -- All that hold, so that nobody mends one only to learn of the next.
    reasons := array_remove(ARRAY[astrid._why_deadline(r.deadline), astrid._why_paused(q), astrid._why_concurrency(q),
                                  astrid._why_rate(q), CASE WHEN r.admission IS DISTINCT FROM 2 THEN
                                      astrid._why_group(q, r.group_key) END,
                                  CASE WHEN r.admission IS NULL THEN astrid._why_group_rate(q, r.group_key) END,
                                  astrid._no_worker(q)], NULL);
    IF reasons <> '{}' THEN
        RETURN 'ready, but ' || array_to_string(reasons, '; besides, ');
    END IF;
    RETURN format('ready: %s; %s%s', astrid._why_place(r, q),
                  coalesce(astrid._why_busy(q), 'the next free worker takes the first'),
                  coalesce('; its deadline is ' || r.deadline, ''));
END
$$;
COMMENT ON FUNCTION astrid._why_ready(astrid.ready, astrid.queue) IS 'astrid.why for a ready job.';

CREATE FUNCTION astrid._key_holder(w astrid.waiting) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    holder bigint;
BEGIN
    IF NOT pg_is_in_recovery() THEN
        SELECT k.job_id INTO holder FROM astrid.unique_key k
         WHERE k.key_hash = astrid._key_hash(w.queue_id, w.unique_key) AND k.queue_id = w.queue_id
           AND k.unique_key = w.unique_key AND k.next_id = w.job_id;
    END IF;
    IF holder IS NULL THEN
        -- On a standby, which has no unlogged tables, and in the first second after a crash. Mostly it is running.
        SELECT j.job_id INTO holder
          FROM (SELECT job_id, queue_id, unique_key FROM astrid.running
                UNION ALL SELECT job_id, queue_id, unique_key FROM astrid.ready
                UNION ALL SELECT job_id, queue_id, unique_key FROM astrid.waiting) j
         WHERE j.queue_id = w.queue_id AND j.unique_key = w.unique_key AND j.job_id <> w.job_id LIMIT 1;
    END IF;
    RETURN holder;
END
$$;
COMMENT ON FUNCTION astrid._key_holder(astrid.waiting) IS 'The job that has the unique key for which a blocked job waits.';

CREATE FUNCTION astrid._why_blocked(w astrid.waiting) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    p record;
    named text[] := '{}';
    never text[] := '{}';
    n bigint := 0;
    any_of boolean;
    holder bigint;
BEGIN
    IF astrid._waits_for_key(w) THEN
        holder := astrid._key_holder(w);
        RETURN format('blocked: waits until job %s (%s), which has its unique key "%s", has ended', holder,
                      coalesce(astrid._state(holder), 'does not exist'), w.unique_key);
    END IF;
    FOR p IN SELECT d.parent_id, d.any_of, astrid._state(d.parent_id) AS state
               FROM astrid._waits_for(w) d ORDER BY d.parent_id LIMIT 10000 LOOP
        n := n + 1;
        any_of := p.any_of;
        named := named || format('job %s (%s)', p.parent_id, coalesce(p.state, 'does not exist'));
        IF p.state = 'dead' THEN
            never := never || format('job %s is dead, astrid_retry(%1$s) runs it again', p.parent_id);
        ELSIF p.state IS NULL OR p.state = 'cancelled' THEN
            never := never || format('job %s will not complete, cancel this one', p.parent_id);
        END IF;
    END LOOP;
    IF n = 0 THEN
        RETURN 'blocked, but nothing that it waits for is on record: astrid_cancel and enqueue it again';
    END IF;
    RETURN format('blocked: waits for %s%s', CASE WHEN any_of THEN 'the first of ' ELSE '' END, astrid._some(named, n))
           || CASE WHEN never <> '{}' AND NOT (any_of AND cardinality(never) < n) THEN format('. It will never run as things are: %s', astrid._some(never, cardinality(never)))
                   ELSE '' END;
END
$$;
COMMENT ON FUNCTION astrid._why_blocked(astrid.waiting) IS 'astrid.why for a job that waits for others.';

CREATE FUNCTION astrid._why_parked(w astrid.waiting, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    ahead bigint;
BEGIN
    SELECT count(*) INTO ahead
      FROM (SELECT FROM astrid.waiting x
             WHERE x.parked AND x.queue_id = w.queue_id AND x.group_key = w.group_key
               AND (x.lane, x.position) < (w.lane, w.position) LIMIT 10001) a;
    RETURN format('blocked: %s; %s of the group wait ahead of it',
                  coalesce(astrid._why_group(q, w.group_key),
                           format('a place of its group "%s" is free and was not handed on, which astrid.health shows as parked_jobs: astrid_alter_queue with another group_concurrency deals the places out again',
                                  w.group_key)),
                  astrid._at_most_10000(ahead));
END
$$;
COMMENT ON FUNCTION astrid._why_parked(astrid.waiting, astrid.queue) IS 'astrid.why for a job that waits for its group.';

CREATE FUNCTION astrid._why_scheduled(w astrid.waiting, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    due text;
    failed astrid.attempt;
BEGIN
    IF w.run_at <= astrid.clock() THEN
        RETURN format('scheduled: due since %s, but %s', w.run_at, astrid._why_due());
    END IF;
    due := format('due at %s, in %s', w.run_at, w.run_at - astrid.clock());
    IF w.admission = 1 AND q.group_rate_limit IS NOT NULL THEN
        RETURN format('scheduled: %s, as the rate limit of its group "%s" (%s starts in %s) was spent', due, w.group_key,
                      q.group_rate_limit, q.group_rate_interval);
    END IF;
    SELECT a.* INTO failed FROM astrid.attempt a WHERE a.job_id = w.job_id ORDER BY a.ended_at DESC, a.lease_id DESC LIMIT 1;
    IF FOUND AND w.attempt > 0 THEN
        RETURN format('scheduled: attempt %s of %s failed on "%s" (%s: %s), the next one is %s%s; astrid_retry(%s) runs it now',
                      w.attempt, w.max_attempts, failed.worker, failed.cause, coalesce(failed.error, 'no error text'), due,
                      coalesce(', by its own retry policy ' || w.retry::text, ', by the retry policy of the queue ' || q.retry::text,
                               ''),
                      w.job_id);
    END IF;
    RETURN format('scheduled: %s, as it was enqueued or put off; astrid_retry(%s) runs it now', due, w.job_id);
END
$$;
COMMENT ON FUNCTION astrid._why_scheduled(astrid.waiting, astrid.queue) IS 'astrid.why for a job that waits for its time.';

CREATE FUNCTION astrid._why_waiting(w astrid.waiting, q astrid.queue) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT concat_ws('; besides, ',
                 CASE WHEN w.parked THEN astrid._why_parked(w, q)
                      WHEN w.blocked THEN astrid._why_blocked(w)
                      ELSE astrid._why_scheduled(w, q) END,
                 coalesce(astrid._why_deadline(w.deadline), 'its deadline is ' || w.deadline), astrid._why_paused(q))
$$;
COMMENT ON FUNCTION astrid._why_waiting(astrid.waiting, astrid.queue) IS 'astrid.why for a scheduled or blocked job.';

CREATE FUNCTION astrid._why_running(x astrid.running) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    w astrid.worker;
    told text;
BEGIN
    IF x.lease_until <= astrid.clock() THEN
        RETURN format('running, but worker "%s" let its lease run out at %s: %s', x.worker, x.lease_until, astrid._why_due());
    END IF;
    SELECT t.* INTO w FROM astrid.worker t WHERE t.worker = x.worker;
    IF x.command = 'deadline' THEN
        told := format('; the deadline has passed, which worker "%s" learns with its next heartbeat', x.worker);
    ELSIF x.command = 'cancel' THEN
        told := format('; it is to be cancelled, which worker "%s" learns with its next heartbeat', x.worker);
    ELSIF (w.info ->> 'job_id') <> x.job_id::text AND w.info ->> 'job_id' <> '0' AND w.last_heartbeat > x.started_at THEN
        told := format('; its worker has taken it ahead and was still at job %s at %s', w.info ->> 'job_id', w.last_heartbeat);
    END IF;
    RETURN format('it is running: attempt %s of %s on worker "%s" since %s, lease until %s', x.attempt, x.max_attempts,
                  x.worker, x.started_at, x.lease_until)
           || coalesce(', timeout at ' || (x.started_at + x.timeout), '')
           || coalesce(', deadline at ' || x.deadline, '')
           || coalesce(told, '');
END
$$;
COMMENT ON FUNCTION astrid._why_running(astrid.running) IS 'astrid.why for a job that runs.';

CREATE FUNCTION astrid._why_dead(d astrid.dead, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    reason text := 'its last error was permanent';
BEGIN
    IF d.lease_id IS NULL THEN
        RETURN format('dead since %s: %s. astrid_retry(%s) runs it all the same', d.finished_at, d.error, d.job_id);
    ELSIF d.deadline <= d.finished_at OR d.error LIKE 'deadline % leaves no time %' THEN
        reason := format('its deadline was %s', d.deadline);
    ELSIF d.crashes >= q.max_crashes THEN
        reason := format('%s of its attempts ended in a crash or a lost lease, which max_crashes does not allow', d.crashes);
    ELSIF d.attempt >= d.max_attempts THEN
        reason := 'its attempts are used up';
    END IF;
    RETURN format('dead since %s after attempt %s of %s, as %s. Last on worker "%s", %s: %s. astrid_retry(%s) gives it new attempts',
                  d.finished_at, d.attempt, d.max_attempts, reason, d.worker,
                  coalesce(d.attempts -> -1 ->> 'cause', 'error'), coalesce(d.error, 'no error text'), d.job_id);
END
$$;
COMMENT ON FUNCTION astrid._why_dead(astrid.dead, astrid.queue) IS 'astrid.why for a dead job.';

CREATE FUNCTION astrid._why_key(job bigint, queue int, key text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    until timestamptz;
BEGIN
    IF pg_is_in_recovery() THEN  -- a standby has no unlogged tables
        SELECT max(w.free_at) INTO until FROM astrid.unique_window w
         WHERE w.key_hash = astrid._key_hash(queue, key) AND w.queue_id = queue AND w.unique_key = key AND w.job_id = job;
    ELSE
        SELECT k.held_until INTO until FROM astrid.unique_key k
         WHERE k.key_hash = astrid._key_hash(queue, key) AND k.queue_id = queue AND k.unique_key = key
           AND k.job_id = job AND k.finished;
    END IF;
    IF until > astrid.clock() THEN
        RETURN format('; its unique key "%s" stays taken until %s', key, until);
    END IF;
    RETURN '';
END
$$;
COMMENT ON FUNCTION astrid._why_key(bigint, int, text) IS
    'What astrid.why adds for a job that has ended before the window of its unique key.';

CREATE FUNCTION astrid._why_unknown(job bigint) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT CASE WHEN s.last_value >= job AND job > 0
            THEN format('there is no job %s to be seen: its transaction was not committed (yet), it was cleared or dropped with its queue, or it finished longer ago than is kept', job)
            ELSE format('there is no job %s: no job has had this number yet', coalesce(job::text, 'null')) END
  FROM astrid.job_seq s
$$;
COMMENT ON FUNCTION astrid._why_unknown(bigint) IS 'astrid.why where no job is found.';

CREATE FUNCTION astrid.why(job_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    -- Where there is nothing but a sequential scan, its feigned cost must not bring the JIT compiler in.
    SET enable_seqscan = off SET jit = off AS
$$
#variable_conflict use_variable
DECLARE
    queue_id int;
    q astrid.queue;
    r astrid.ready;
    w astrid.waiting;
    x astrid.running;
    d astrid.dead;
    h astrid.history;
BEGIN
    SELECT t.* INTO r FROM astrid.ready t WHERE t.job_id = job_id;
    SELECT t.* INTO w FROM astrid.waiting t WHERE t.job_id = job_id;
    SELECT t.* INTO x FROM astrid.running t WHERE t.job_id = job_id;
    SELECT t.* INTO d FROM astrid.dead t WHERE t.job_id = job_id;
    SELECT t.* INTO h FROM astrid.history t WHERE t.job_id = job_id;
    queue_id := coalesce(r.queue_id, w.queue_id, x.queue_id, d.queue_id, h.queue_id);
    IF queue_id IS NULL THEN
        RETURN astrid._why_unknown(job_id);
    END IF;
    SELECT t.* INTO q FROM astrid.queue t WHERE t.queue_id = queue_id;
    IF h.job_id IS NOT NULL THEN
        RETURN format('%s at %s', h.state, h.finished_at)
               || coalesce(' by worker "' || h.worker || '"', '') || coalesce(': ' || h.error, '')
               || CASE WHEN q.queue_id IS NULL THEN '; its queue was dropped later' ELSE '' END
               || astrid._why_key(h.job_id, h.queue_id, h.unique_key);
    ELSIF q.queue_id IS NULL THEN
        RETURN 'its queue was dropped: ' || astrid._why_due();
    ELSIF r.job_id IS NOT NULL THEN
        RETURN astrid._why_ready(r, q);
    ELSIF w.job_id IS NOT NULL THEN
        RETURN astrid._why_waiting(w, q);
    ELSIF x.job_id IS NOT NULL THEN
        RETURN astrid._why_running(x);
    END IF;
    RETURN astrid._why_dead(d, q) || astrid._why_key(d.job_id, d.queue_id, d.unique_key);
END
$$;
COMMENT ON FUNCTION astrid.why(bigint) IS
    'Why the job is not running now, in plain words: all reasons that hold, each with its remedy.';
