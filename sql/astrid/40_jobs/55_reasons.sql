-- astrid.why: the reasons that keep a job from running, each with the remedy. A reason is found where the engine would
-- find it: in the rows that claims and maintenance look at. All functions are STABLE: they see the snapshot of the query
-- that asks, so that a job on its way from table to table is not missed.

CREATE FUNCTION astrid._why_paused(q astrid.queue) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp
    AS $$ SELECT format('queue "%s" is paused: astrid_resume_queue(''%1$s'') ends that', q.queue_name) WHERE NOT q.enabled $$;
COMMENT ON FUNCTION astrid._why_paused(astrid.queue) IS 'Reason: the queue is paused.';

CREATE FUNCTION astrid._why_due() RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    fault text := astrid._engine_fault();
    last_pass timestamptz;
BEGIN
    IF fault IS NOT NULL THEN
        RETURN 'no maintenance pass has seen to it: ' || fault;
    END IF;
    SELECT e.passed_at INTO last_pass FROM astrid._engine() e;
    RETURN 'the next maintenance pass sees to it' || coalesce(' (the last one ended at ' || last_pass || ')', '');
END
$$;
COMMENT ON FUNCTION astrid._why_due() IS 'Why what is due has not been done yet by maintenance.';

CREATE FUNCTION astrid._why_deadline(deadline timestamptz) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp
    AS $$ SELECT format('its deadline %s has passed, and it is to be dead: %s', deadline, astrid._why_due())
           WHERE deadline <= astrid.clock() $$;
COMMENT ON FUNCTION astrid._why_deadline(timestamptz) IS 'Reason: its deadline has passed.';

CREATE FUNCTION astrid._why_concurrency(q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    n bigint;
    named text[];
BEGIN
    IF q.concurrency IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*), (array_agg(format('job %s on "%s"', x.job_id, x.worker) ORDER BY x.lease_id))[1:3]
      INTO n, named
      FROM astrid.running x WHERE x.queue_id = q.queue_id;
    IF n < q.concurrency THEN
        RETURN NULL;
    END IF;
    RETURN format('queue "%s" has reached its limit, %s of %s jobs run (%s): it goes on when one ends; astrid_alter_queue changes concurrency',
                  q.queue_name, n, q.concurrency, astrid._some(named, n));
END
$$;
COMMENT ON FUNCTION astrid._why_concurrency(astrid.queue) IS 'Reason: as many jobs of the queue run as may.';

CREATE FUNCTION astrid._why_rate(q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    next_at timestamptz;
BEGIN
    IF q.rate_limit IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT min(t.free_at) INTO next_at FROM astrid.token t WHERE t.queue_id = q.queue_id AND t.lane IN (1, 2);
    IF next_at <= astrid.clock() THEN
        RETURN NULL;
    END IF;
    RETURN format('the rate limit of queue "%s" (%s starts in %s) is spent until %s; astrid_alter_queue changes rate_limit',
                  q.queue_name, q.rate_limit, q.rate_interval, next_at);
END
$$;
COMMENT ON FUNCTION astrid._why_rate(astrid.queue) IS 'Reason: the rate limit of the queue is spent.';

CREATE FUNCTION astrid._why_group_rate(q astrid.queue, group_key text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    there_at timestamptz;
BEGIN
    IF q.group_rate_limit IS NULL OR group_key IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT b.full_at + q.group_rate_interval / q.group_rate_limit - q.group_rate_interval INTO there_at
      FROM astrid.bucket b WHERE b.queue_id = q.queue_id AND b.name = 'group:' || group_key;
    IF there_at > astrid.clock() THEN
        RETURN format('the rate limit of its group "%s" (%s starts in %s) lets none start before %s', group_key,
                      q.group_rate_limit, q.group_rate_interval, there_at);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION astrid._why_group_rate(astrid.queue, text) IS 'Reason: the rate of the group of a job that has not been looked at.';

-- The place of a group can be held by a job in any live state, or by a dead one where dead_blocks says so.
CREATE FUNCTION astrid._why_holder(job bigint) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT CASE s.state
       WHEN 'running' THEN format('job %s, running on "%s"', job, s.worker_id)
       WHEN 'ready' THEN format('job %s, the next to start', job)
       WHEN 'scheduled' THEN format('job %s, whose retry is due at %s', job, s.run_at)
       WHEN 'dead' THEN format('job %s, dead (%s)', job, coalesce(s.error, 'no error text'))
       ELSE format('job %s, %s', job, s.state) END
  FROM astrid.job_status s WHERE s.job_id = job
$$;
COMMENT ON FUNCTION astrid._why_holder(bigint) IS 'What the job does that holds a place of its group.';

CREATE FUNCTION astrid._why_group(q astrid.queue, group_key text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    holders bigint[];
    named text[];
    dead_job bigint;
    remedy text := 'it goes on when one ends; astrid_alter_queue changes group_concurrency';
BEGIN
    IF q.group_concurrency IS NULL OR group_key IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(g.job_id ORDER BY g.job_id) INTO holders
      FROM astrid.group_slot g
     WHERE g.key_hash = astrid._key_hash(q.queue_id, _why_group.group_key) AND g.queue_id = q.queue_id
       AND g.group_key = _why_group.group_key;
    IF coalesce(cardinality(holders), 0) < q.group_concurrency THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(astrid._why_holder(h) ORDER BY h) INTO named FROM unnest(holders[1:3]) h;
    SELECT d.job_id INTO dead_job FROM astrid.dead d WHERE d.job_id = ANY (holders) ORDER BY d.job_id LIMIT 1;
    IF FOUND THEN
        remedy := format('the queue says dead_blocks; astrid_retry(%s) runs the dead job again, astrid_clear_queue(''%s'', ''{dead}'') deletes all dead ones of the queue',
                         dead_job, q.queue_name);
    ELSIF q.ordered THEN
        remedy := 'it follows when that one is done';
    END IF;
    IF q.ordered THEN
        RETURN format('the jobs of its group "%s" run one at a time and in order, and first comes %s: %s', group_key,
                      astrid._some(named, cardinality(holders)), remedy);
    END IF;
    RETURN format('its group "%s" has reached its limit, %s of %s jobs (%s): %s', group_key, cardinality(holders),
                  q.group_concurrency, astrid._some(named, cardinality(holders)), remedy);
END
$$;
COMMENT ON FUNCTION astrid._why_group(astrid.queue, text) IS 'Reason: as many jobs of the group run as may.';

CREATE FUNCTION astrid._why_busy(q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    w record;
BEGIN
    SELECT * INTO w FROM astrid._workers_of(q);
    IF w.live > 0 AND w.live = w.busy + w.faulty THEN
        RETURN format('all live workers%s (%s) are busy: it starts when one is free, and sooner with more workers or a larger concurrency of theirs',
                      coalesce(' of type "' || q.worker_type || '"', ''), w.live);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION astrid._why_busy(astrid.queue) IS 'Reason: all workers have something to do.';

CREATE FUNCTION astrid._why_place(r astrid.ready, q astrid.queue) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    ahead bigint;
    before text[];
BEGIN
    SELECT count(*) INTO ahead
      FROM (SELECT FROM astrid.ready x
             WHERE x.queue_id = r.queue_id AND (x.lane, x.position) < (r.lane, r.position) LIMIT 10001) a;
    SELECT array_agg(format('"%s"', o.queue_name) ORDER BY o.priority, o.queue_id) INTO before
      FROM astrid.queue o
     WHERE o.priority < q.priority AND o.enabled AND o.worker_type IS NOT DISTINCT FROM q.worker_type
       AND EXISTS (SELECT FROM astrid.ready x WHERE x.queue_id = o.queue_id);
    IF before IS NULL THEN
        RETURN format('%s ahead of it in queue "%s"', astrid._at_most_10000(ahead), q.queue_name);
    END IF;
    RETURN format('%s ahead of it in queue "%s", and workers that also serve %s take those jobs first: its priority is the smaller number',
                  astrid._at_most_10000(ahead), q.queue_name, astrid._some(before, cardinality(before)));
END
$$;
COMMENT ON FUNCTION astrid._why_place(astrid.ready, astrid.queue) IS 'How many are ahead of a ready job.';
