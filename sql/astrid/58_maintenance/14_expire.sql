-- What is kept row by row: dead jobs, and finished ones beyond the ring.

CREATE FUNCTION astrid._days(span interval) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ceil(least(extract(epoch FROM span) / 86400, 1000000))::int;
COMMENT ON FUNCTION astrid._days(interval) IS 'An interval in days, rounded up.';

CREATE FUNCTION astrid._ago(at timestamptz, span interval) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN at - make_interval(secs => least(extract(epoch FROM span), 86400 * 1000000::numeric)::float8);
COMMENT ON FUNCTION astrid._ago(timestamptz, interval) IS 'So long before; months have 30 days.';

CREATE FUNCTION astrid._export_form(job jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN job - '{queue_id,slot,lane,position,admission}'::text[];
COMMENT ON FUNCTION astrid._export_form(jsonb) IS 'A row without what means nothing outside of the tables.';

CREATE FUNCTION astrid._expire_dead(at timestamptz, most int) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    q astrid.queue;
    over bigint[];
    d astrid.dead;
    n int := 0;
BEGIN
    FOR q IN SELECT * FROM astrid.queue x WHERE x.dead_retention IS NOT NULL ORDER BY x.queue_id LOOP
        over := ARRAY(
            SELECT y.job_id FROM astrid.dead y
             WHERE y.queue_id = q.queue_id AND y.finished_at <= astrid._ago(at, q.dead_retention)
               -- Jobs that wait for it would never run: it stays for as long as they do.
               AND NOT EXISTS (SELECT FROM astrid.dependency c, unnest(c.child_ids) k (id), astrid.waiting w
                                WHERE c.parent_id = y.job_id AND w.job_id = k.id AND w.parents_left > 0)
             ORDER BY y.finished_at LIMIT most - n FOR UPDATE SKIP LOCKED);
        FOR d IN
            WITH gone AS (
                DELETE FROM astrid.dead x
                 WHERE x.job_id = ANY (over)
                   AND (x.admission IS DISTINCT FROM 2 OR astrid._try_group(x.queue_id, x.group_key))
                RETURNING x.*)
            SELECT * FROM gone ORDER BY job_id
        LOOP
            IF q.export THEN
                INSERT INTO astrid.exported (queue_name, kind, "row")
                    VALUES (q.queue_name, 'dead', astrid._export_form(to_jsonb(d)));
            END IF;
            IF d.admission = 2 THEN
                PERFORM astrid._leave_group(d.queue_id, d.group_key, d.job_id);
            END IF;
            PERFORM astrid._jobs_ended(ARRAY[d.job_id], 'deleted');  -- one may have come to wait for it just now
            n := n + 1;
        END LOOP;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._expire_dead(timestamptz, int) IS
    'Deletes dead jobs older than their queue keeps them, so many at most; returns how many.';

CREATE FUNCTION astrid._expire_kept_of(kept int, q astrid.queue, at timestamptz, most int) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    n int;
BEGIN
    WITH gone AS (
        DELETE FROM astrid.history_kept x
         WHERE x.ctid = ANY (ARRAY(
            SELECT y.ctid FROM astrid.history_kept y
             WHERE y.queue_id = kept AND y.finished_at <= astrid._ago(at, coalesce(q.retention, '0'))
             ORDER BY y.finished_at LIMIT most))
        RETURNING x.*),
    saved AS (
        INSERT INTO astrid.exported (queue_name, kind, "row")
        SELECT q.queue_name, 'history', astrid._export_form(to_jsonb(g)) FROM gone g WHERE q.export)
    SELECT count(*) INTO n FROM gone;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._expire_kept_of(int, astrid.queue, timestamptz, int) IS
    'Deletes the finished jobs of a queue (null: dropped) from astrid.history_kept whose time is over; returns how many.';

CREATE FUNCTION astrid._blank_kept_of(q astrid.queue, at timestamptz, most int) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    n int;
BEGIN
    WITH old AS (
        SELECT y.ctid AS place, y.job_id, y.finished_at, y.result FROM astrid.history_kept y
         WHERE y.queue_id = q.queue_id AND y.finished_at <= astrid._ago(at, q.result_retention)
           AND y.result IS NOT NULL
         ORDER BY y.finished_at LIMIT most FOR UPDATE),
    saved AS (
        INSERT INTO astrid.exported (queue_name, kind, "row")
        SELECT q.queue_name, 'result', to_jsonb(o) - 'place' FROM old o WHERE q.export),
    blank AS (
        UPDATE astrid.history_kept x SET result = NULL WHERE x.ctid = ANY (ARRAY(SELECT o.place FROM old o))
        RETURNING 1)
    SELECT count(*) INTO n FROM blank;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._blank_kept_of(astrid.queue, timestamptz, int) IS
    'Removes results of a queue from astrid.history_kept whose time is over; returns how many.';

CREATE FUNCTION astrid._expire_kept(at timestamptz, most int) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    kept int;
    q astrid.queue;
    n int := 0;
BEGIN
    -- From queue to queue by the index, however many rows each has.
    SELECT min(h.queue_id) INTO kept FROM astrid.history_kept h;
    WHILE kept IS NOT NULL AND n < most LOOP
        SELECT x.* INTO q FROM astrid.queue x WHERE x.queue_id = kept;
        n := n + astrid._expire_kept_of(kept, q, at, most - n);
        IF q.result_retention IS NOT NULL AND n < most THEN
            n := n + astrid._blank_kept_of(q, at, most - n);
        END IF;
        SELECT min(h.queue_id) INTO kept FROM astrid.history_kept h WHERE h.queue_id > kept;
    END LOOP;
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._expire_kept(timestamptz, int) IS
    'Deletes what is in astrid.history_kept longer than its queue keeps it, so much at most; returns how much.';

CREATE FUNCTION astrid.take_exported(queue text, max_rows int DEFAULT NULL)
    RETURNS TABLE (export_id bigint, exported_at timestamptz, queue_name text, kind text, "row" jsonb)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
#variable_conflict use_column
BEGIN
    PERFORM astrid._require(queue, 'queue');
    RETURN QUERY
        WITH taken AS (
            DELETE FROM astrid.exported x
             WHERE x.queue_name = queue
               AND x.export_id = ANY (ARRAY(
                    SELECT y.export_id FROM astrid.exported y WHERE y.queue_name = queue
                     ORDER BY y.export_id LIMIT coalesce(max_rows, 10000) FOR UPDATE SKIP LOCKED))
            RETURNING x.export_id, x.exported_at, x.queue_name, x.kind, x."row")
        SELECT t.export_id, t.exported_at, t.queue_name, t.kind, t."row" FROM taken t ORDER BY t.export_id;
END
$$;
COMMENT ON FUNCTION astrid.take_exported(text, int) IS
    'Takes rows that retention removed from a queue with export, oldest first, max_rows (10000) at most. Commit when they are in a safe place.';

CREATE VIEW astrid.export_status AS
SELECT x.queue_name, count(*) AS rows, min(x.exported_at) AS oldest, max(x.exported_at) AS newest
  FROM astrid.exported x
 GROUP BY x.queue_name;

COMMENT ON VIEW astrid.export_status IS 'What waits for astrid_take_exported, by queue.';
COMMENT ON COLUMN astrid.export_status.queue_name IS 'Name of the queue, which may have been dropped since.';
COMMENT ON COLUMN astrid.export_status.rows IS 'Rows that wait.';
COMMENT ON COLUMN astrid.export_status.oldest IS 'When the first of them was removed.';
COMMENT ON COLUMN astrid.export_status.newest IS 'When the last of them was removed.';
