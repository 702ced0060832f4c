CREATE FUNCTION astrid._keep_totals(queue int, totals bigint[], waits bigint[], runs bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    INSERT INTO astrid.queue_total
        SELECT queue, totals[1], totals[2], totals[3], totals[4], totals[5], totals[6], totals[7], totals[8], totals[9],
               waits, runs
         WHERE EXISTS (SELECT FROM astrid.queue q WHERE q.queue_id = queue);
END
$$;
COMMENT ON FUNCTION astrid._keep_totals(int, bigint[], bigint[], bigint[]) IS
    'Called from C at commit: keeps what rows that were deleted had counted for.';

CREATE FUNCTION astrid._keep_partition(partition regclass, is_history boolean) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_keep_partition';
COMMENT ON FUNCTION astrid._keep_partition(regclass, boolean) IS
    'The partition of history, or of attempts, is about to be emptied: keeps what its rows count for.';

CREATE FUNCTION astrid._fold_totals() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int;
BEGIN
    FOR id IN SELECT t.queue_id FROM astrid.queue_total t GROUP BY t.queue_id HAVING count(*) > 100 LOOP
        WITH gone AS (DELETE FROM astrid.queue_total t WHERE t.queue_id = id RETURNING t.*),
        waits AS (SELECT array_agg(s.n ORDER BY s.i) AS a
                    FROM (SELECT u.i, sum(u.n)::bigint AS n
                            FROM gone g, unnest(g.wait_histogram) WITH ORDINALITY u (n, i) GROUP BY u.i) s),
        runs AS (SELECT array_agg(s.n ORDER BY s.i) AS a
                   FROM (SELECT u.i, sum(u.n)::bigint AS n
                           FROM gone g, unnest(g.run_histogram) WITH ORDINALITY u (n, i) GROUP BY u.i) s)
        INSERT INTO astrid.queue_total
            SELECT id, sum(g.enqueued), sum(g.started), sum(g.completed), sum(g.cancelled), sum(g.failed),
                   sum(g.crashed), sum(g.died), sum(g.wait_sum), sum(g.run_sum), (SELECT w.a FROM waits w),
                   (SELECT r.a FROM runs r)
              FROM gone g;
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._fold_totals() IS 'Makes one row of those that a queue has in queue_total, once they are many.';

CREATE FUNCTION astrid._queue_counts(OUT queue_id int, OUT ready bigint, OUT scheduled bigint, OUT blocked bigint,
                                     OUT running bigint, OUT dead bigint) RETURNS SETOF record
    LANGUAGE c VOLATILE ROWS 50 AS 'MODULE_PATHNAME', 'astrid_queue_counts';
COMMENT ON FUNCTION astrid._queue_counts() IS
    'How many jobs each queue has in each state: from the counters, or counted where those are not exact.';

CREATE FUNCTION astrid._queue_totals(OUT queue_id int, OUT enqueued bigint, OUT started bigint, OUT completed bigint,
                                     OUT cancelled bigint, OUT failed bigint, OUT crashed bigint, OUT died bigint,
                                     OUT wait_sum bigint, OUT run_sum bigint, OUT wait_histogram bigint[],
                                     OUT run_histogram bigint[], OUT enqueued_1 bigint, OUT completed_1 bigint,
                                     OUT failed_1 bigint, OUT enqueued_15 bigint, OUT completed_15 bigint,
                                     OUT failed_15 bigint) RETURNS SETOF record
    LANGUAGE c VOLATILE ROWS 50 AS 'MODULE_PATHNAME', 'astrid_queue_totals';
COMMENT ON FUNCTION astrid._queue_totals() IS
    'What each queue has done so far; queues whose history is being counted are missing.';

CREATE FUNCTION astrid._oldest_ready(queue_id int) RETURNS timestamptz
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_oldest_ready';
COMMENT ON FUNCTION astrid._oldest_ready(int) IS
    'Since when the job that has waited longest at the head of one of the queue''s priorities has been due.';

CREATE FUNCTION astrid._percentile(histogram bigint[], fraction float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'astrid_percentile';
COMMENT ON FUNCTION astrid._percentile(bigint[], float8) IS
    'Time [s] under which this fraction of a histogram lies, by linear interpolation in its bucket.';

CREATE FUNCTION astrid._stats_exact() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_stats_exact';
COMMENT ON FUNCTION astrid._stats_exact() IS 'True: the counters of all queues are exact, and the views read no tables.';

CREATE FUNCTION astrid.stats_recount() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_stats_recount';
COMMENT ON FUNCTION astrid.stats_recount() IS
    'Counts the jobs of all queues anew, where astrid is preloaded; false: not now, since this transaction has written, one that is prepared has changes, or another session counts. A background worker does it by itself.';
