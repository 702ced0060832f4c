-- What retention takes out of the slots of the rings. A ring's slot has the rows of one day (UTC); once the day is over
-- nothing is added. Age 1 is yesterday's slot; age 7 is the one that is emptied for tomorrow. For each queue whose
-- settings ask for something a slot is walked once, block by block, a bounded number in each pass; astrid.ring_slot
-- says how far. What nobody wants to keep or export is left to TRUNCATE.

CREATE FUNCTION astrid._ring_work(at timestamptz)
    RETURNS TABLE (ring text, age int, slot smallint, day date, leaving int[], blanking int[])
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
WITH kept AS (
    SELECT v.ring, q.queue_id, q.export, astrid._days(v.retention) AS days, astrid._days(v.results) AS result_days
      FROM astrid.queue q,
           LATERAL (VALUES ('history', q.retention, q.result_retention),
                           ('attempt', q.attempt_retention, NULL),
                           ('job_log', q.log_retention, NULL)) v (ring, retention, results)
     WHERE q.export OR v.retention <> interval '7 days' OR v.results IS NOT NULL),
work AS (
    SELECT k.ring, a.age, k.queue_id, k.result_days,
           CASE WHEN a.age < 7 THEN k.days < a.age ELSE k.export OR k.days > 7 END AS leaves
      FROM kept k, generate_series(1, 7) a (age)
     UNION ALL
    -- Attempts of a week ago may belong to a job that still lives: 0 makes the walk look for those of any queue.
    SELECT 'attempt', 7, 0, NULL, true)
SELECT w.ring, w.age, astrid._ring_slot(astrid._ago(at, make_interval(days => w.age))),
       (astrid._ago(at, make_interval(days => w.age)) AT TIME ZONE 'UTC')::date,
       coalesce(array_agg(w.queue_id) FILTER (WHERE w.leaves), '{}'),
       coalesce(array_agg(w.queue_id) FILTER (WHERE NOT w.leaves), '{}')
  FROM work w
 WHERE w.leaves OR (w.age < 7 AND w.result_days < w.age)
 GROUP BY w.ring, w.age
 ORDER BY w.age DESC, w.ring
$$;
COMMENT ON FUNCTION astrid._ring_work(timestamptz) IS
    'Per ring and slot, the queues whose rows have to leave it by now (0: those of unfinished jobs), and those whose results have.';

CREATE FUNCTION astrid._leave_sql(ring text, slot smallint, age int) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                      WHERE a.attrelid = 'astrid.history'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                        AND a.attname <> 'slot');
    live text := '(EXISTS (SELECT FROM astrid.waiting l WHERE l.job_id = %1$s.job_id)
        OR EXISTS (SELECT FROM astrid.ready l WHERE l.job_id = %1$s.job_id)
        OR EXISTS (SELECT FROM astrid.running l WHERE l.job_id = %1$s.job_id))';
    extra text := '';
    wanted text := 't.queue_id = ANY ($3)';
BEGIN
    IF ring = 'history' THEN
        extra := format($sql$,
            kept AS (INSERT INTO astrid.history (slot, %1$s)
                SELECT 8, %1$s FROM gone g WHERE g.queue_id IN (SELECT q.queue_id FROM q WHERE q.days > 7))$sql$, columns);
    ELSIF ring = 'attempt' THEN
        IF age >= 7 THEN
            wanted := wanted || ' OR 0 = ANY ($3) AND ' || format(live, 't');
        END IF;
        extra := format($sql$,
            folded AS (INSERT INTO astrid.former_attempts AS f (job_id, attempts)
                SELECT g.job_id, jsonb_agg(to_jsonb(g) - '{slot,queue_id,job_id}'::text[] ORDER BY g.lease_id)
                  FROM gone g WHERE %s GROUP BY g.job_id
                ON CONFLICT (job_id) DO UPDATE SET attempts = f.attempts || excluded.attempts)$sql$, format(live, 'g'));
    END IF;
    RETURN format($sql$
        WITH q AS (SELECT x.queue_id, x.queue_name, x.export, astrid._days(x.%2$I) AS days FROM astrid.queue x),
        gone AS (DELETE FROM astrid.%1$I t
            WHERE t.ctid >= $1 AND t.ctid < $2 AND t.%3$I < $4 AND (%4$s) RETURNING t.*),
        saved AS (INSERT INTO astrid.exported (queue_name, kind, "row")
            SELECT q.queue_name, %5$L, astrid._export_form(to_jsonb(g)) FROM gone g JOIN q USING (queue_id)
             WHERE q.export AND q.days <= 7)%6$s
        SELECT count(*) FROM gone$sql$,
        ring || '_' || slot,
        CASE ring WHEN 'history' THEN 'retention' WHEN 'attempt' THEN 'attempt_retention' ELSE 'log_retention' END,
        CASE ring WHEN 'history' THEN 'finished_at' WHEN 'attempt' THEN 'ended_at' ELSE 'logged_at' END,
        wanted, CASE ring WHEN 'job_log' THEN 'log' ELSE ring END, extra);
END
$$;
COMMENT ON FUNCTION astrid._leave_sql(text, smallint, int) IS
    'Statement that takes rows of queues out of a range of blocks of a slot: to history_kept, to exported, to former_attempts, or away.';

CREATE FUNCTION astrid._blank_sql(slot smallint) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN format($sql$
        WITH old AS (SELECT t.ctid AS place, t.queue_id, t.job_id, t.finished_at, t.result FROM astrid.%1$I t
            WHERE t.ctid >= $1 AND t.ctid < $2 AND t.queue_id = ANY ($3) AND t.finished_at < $4
              AND t.result IS NOT NULL FOR UPDATE),
        saved AS (INSERT INTO astrid.exported (queue_name, kind, "row")
            SELECT q.queue_name, 'result', to_jsonb(o) - '{place,queue_id}'::text[]
              FROM old o JOIN astrid.queue q USING (queue_id) WHERE q.export),
        blank AS (UPDATE astrid.%1$I t SET result = NULL WHERE t.ctid = ANY (ARRAY(SELECT o.place FROM old o))
            RETURNING 1)
        SELECT count(*) FROM blank$sql$, 'history_' || slot);
COMMENT ON FUNCTION astrid._blank_sql(smallint) IS
    'Statement that removes the results of queues from a range of blocks of a slot of history.';

CREATE FUNCTION astrid._common(a int[], b int[]) RETURNS int[]
    LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT unnest(a) INTERSECT SELECT unnest(b) ORDER BY 1);
COMMENT ON FUNCTION astrid._common(int[], int[]) IS 'What is in both.';

CREATE FUNCTION astrid._without(a int[], b int[]) RETURNS int[]
    LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT unnest(a) EXCEPT SELECT unnest(b) ORDER BY 1);
COMMENT ON FUNCTION astrid._without(int[], int[]) IS 'What is in the first only.';

CREATE FUNCTION astrid._walk_begin(ring text, slot smallint, day date, leaving int[], blanking int[])
    RETURNS astrid.ring_slot
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    s astrid.ring_slot;
BEGIN
    SELECT r.* INTO s FROM astrid.ring_slot r WHERE r.ring = ring AND r.slot = slot;
    IF s.day IS DISTINCT FROM day THEN
        INSERT INTO astrid.ring_slot AS r (ring, slot, day) VALUES (ring, slot, day)
        ON CONFLICT ON CONSTRAINT ring_slot_pkey DO UPDATE
            SET day = excluded.day, block = 0, left_for = '{}', blank_for = '{}'
        RETURNING r.* INTO s;
    END IF;
    IF s.block = 0 THEN
        s.leaving := astrid._without(leaving, s.left_for);
        s.blanking := astrid._without(blanking, s.blank_for);
    ELSE  -- a setting may have changed since the walk began: what shall stay by now stays
        s.leaving := astrid._common(leaving, s.leaving);
        s.blanking := astrid._common(blanking, s.blanking);
    END IF;
    RETURN s;
END
$$;
COMMENT ON FUNCTION astrid._walk_begin(text, smallint, date, int[], int[]) IS
    'The walk over a slot that is going on or begins, with what there is left to do for it.';

CREATE FUNCTION astrid._walk_end(s astrid.ring_slot, blocks bigint) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, astrid, pg_temp AS
$$
UPDATE astrid.ring_slot r
   SET block = CASE WHEN s.block < blocks THEN s.block ELSE 0 END,
       leaving = s.leaving, blanking = s.blanking,
       left_for = CASE WHEN s.block < blocks THEN r.left_for ELSE r.left_for || s.leaving END,
       blank_for = CASE WHEN s.block < blocks THEN r.blank_for ELSE r.blank_for || s.blanking END
 WHERE r.ring = s.ring AND r.slot = s.slot
$$;
COMMENT ON FUNCTION astrid._walk_end(astrid.ring_slot, bigint) IS
    'Notes how far a walk has come in a slot of so many blocks.';

CREATE FUNCTION astrid._prune(at timestamptz, budget int) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    block_size int := current_setting('block_size');
    work record;
    s astrid.ring_slot;
    blocks bigint;
    upto bigint;
    n bigint;
    pruned bigint := 0;
BEGIN
    FOR work IN SELECT * FROM astrid._ring_work(at) LOOP
        s := astrid._walk_begin(work.ring, work.slot, work.day, work.leaving, work.blanking);
        CONTINUE WHEN s.block = 0 AND s.leaving = '{}' AND s.blanking = '{}';
        IF budget <= 0 THEN
            RETURN jsonb_build_object('rows', pruned, 'more', true);
        END IF;
        blocks := pg_relation_size(format('astrid.%I', work.ring || '_' || work.slot)::regclass) / block_size;
        upto := least(s.block + budget, blocks);
        IF s.leaving <> '{}' AND upto > s.block THEN
            EXECUTE astrid._leave_sql(work.ring, work.slot, work.age) INTO n
                USING format('(%s,0)', s.block)::tid, format('(%s,0)', upto)::tid, s.leaving,
                      (work.day + 1)::timestamp AT TIME ZONE 'UTC';
            pruned := pruned + n;
        END IF;
        IF s.blanking <> '{}' AND upto > s.block THEN
            EXECUTE astrid._blank_sql(work.slot) INTO n
                USING format('(%s,0)', s.block)::tid, format('(%s,0)', upto)::tid, s.blanking,
                      (work.day + 1)::timestamp AT TIME ZONE 'UTC';
            pruned := pruned + n;
        END IF;
        budget := budget - (upto - s.block)::int;
        s.block := upto;
        PERFORM astrid._walk_end(s, blocks);
    END LOOP;
    RETURN jsonb_build_object('rows', pruned, 'more', budget <= 0);
END
$$;
COMMENT ON FUNCTION astrid._prune(timestamptz, int) IS
    'Takes out of the rings what their queues do not keep so long, or keep longer: so many blocks at most.';

CREATE FUNCTION astrid._may_empty(the_ring text, at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT NOT EXISTS (
    SELECT FROM astrid._ring_work(at) w
      LEFT JOIN astrid.ring_slot s ON s.ring = w.ring AND s.slot = w.slot AND s.day = w.day
     WHERE w.ring = the_ring AND w.age = 7 AND NOT coalesce(w.leaving <@ s.left_for, false))
$$;
COMMENT ON FUNCTION astrid._may_empty(text, timestamptz) IS
    'Has all that is kept or exported left the slot of the ring that is emptied next?';

CREATE FUNCTION astrid._keepers(ring text) RETURNS int[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT CASE WHEN ring IN ('history', 'attempt', 'job_log')
            THEN ARRAY(SELECT q.queue_id FROM astrid.queue q
                        WHERE q.export OR (ring = 'history' AND astrid._days(q.retention) > 7)) END
$$;
COMMENT ON FUNCTION astrid._keepers(text) IS
    'Queues whose rows must not go with a slot of the ring; null: its rows are no queue''s.';

CREATE FUNCTION astrid._forget_attempts(at timestamptz, most int) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    today date := (at AT TIME ZONE 'UTC')::date;
    s astrid.ring_slot;
    jobs bigint[];
BEGIN
    -- Its row there: block is the last job looked at, -1 when all were.
    SELECT r.* INTO s FROM astrid.ring_slot r WHERE r.ring = 'former_attempts';
    IF s.day IS DISTINCT FROM today THEN
        INSERT INTO astrid.ring_slot AS r (ring, slot, day) VALUES ('former_attempts', 0, today)
        ON CONFLICT ON CONSTRAINT ring_slot_pkey DO UPDATE SET day = today, block = 0
        RETURNING r.* INTO s;
    END IF;
    IF s.block < 0 THEN
        RETURN false;
    END IF;
    jobs := ARRAY(SELECT f.job_id FROM astrid.former_attempts f WHERE f.job_id > s.block ORDER BY f.job_id LIMIT most);
    DELETE FROM astrid.former_attempts f
     WHERE f.job_id = ANY (jobs)
       AND NOT EXISTS (SELECT FROM astrid.waiting l WHERE l.job_id = f.job_id)
       AND NOT EXISTS (SELECT FROM astrid.ready l WHERE l.job_id = f.job_id)
       AND NOT EXISTS (SELECT FROM astrid.running l WHERE l.job_id = f.job_id)
       AND NOT EXISTS (SELECT FROM astrid.dead l WHERE l.job_id = f.job_id);  -- it may be on its way back
    UPDATE astrid.ring_slot r SET block = CASE WHEN cardinality(jobs) < most THEN -1 ELSE jobs[most] END
     WHERE r.ring = 'former_attempts';
    RETURN cardinality(jobs) = most;
END
$$;
COMMENT ON FUNCTION astrid._forget_attempts(timestamptz, int) IS
    'Once a day, so many at a time, deletes former attempts of jobs that have ended; true: there are more.';
