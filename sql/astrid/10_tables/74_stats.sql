-- What no row shows any more. The totals of a queue are what stands here and what its jobs, history and attempts count
-- for: whatever deletes such rows adds here what they counted for, in the same transaction (extension/stats_keep.c).
-- Rows are only added, so that nobody waits; maintenance folds them into one per queue. Read by C: the order counts.
CREATE TABLE astrid.queue_total (
    queue_id       int NOT NULL,
    enqueued       bigint NOT NULL,
    started        bigint NOT NULL,
    completed      bigint NOT NULL,
    cancelled      bigint NOT NULL,
    failed         bigint NOT NULL,
    crashed        bigint NOT NULL,
    died           bigint NOT NULL,
    wait_sum       bigint NOT NULL,
    run_sum        bigint NOT NULL,
    wait_histogram bigint[] NOT NULL,
    run_histogram  bigint[] NOT NULL
);
COMMENT ON TABLE astrid.queue_total IS 'Totals of jobs and attempts whose rows are gone; several rows of a queue add up.';
COMMENT ON COLUMN astrid.queue_total.queue_id IS 'Queue of the jobs.';
COMMENT ON COLUMN astrid.queue_total.enqueued IS 'Jobs enqueued.';
COMMENT ON COLUMN astrid.queue_total.started IS 'Attempts started.';
COMMENT ON COLUMN astrid.queue_total.completed IS 'Jobs completed.';
COMMENT ON COLUMN astrid.queue_total.cancelled IS 'Jobs cancelled.';
COMMENT ON COLUMN astrid.queue_total.failed IS 'Attempts failed.';
COMMENT ON COLUMN astrid.queue_total.crashed IS 'Attempts that crashed or lost their lease.';
COMMENT ON COLUMN astrid.queue_total.died IS 'Jobs that became dead letters.';
COMMENT ON COLUMN astrid.queue_total.wait_sum IS 'Sum of the waits of completed jobs [us].';
COMMENT ON COLUMN astrid.queue_total.run_sum IS 'Sum of the run times of completed jobs [us].';
COMMENT ON COLUMN astrid.queue_total.wait_histogram IS 'Waits by size: under 1 ms, under 2 ms, under 4 ms, ...';
COMMENT ON COLUMN astrid.queue_total.run_histogram IS 'Run times by size: under 1 ms, under 2 ms, under 4 ms, ...';

CREATE FUNCTION astrid._count_rows() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'astrid_count_rows';
COMMENT ON FUNCTION astrid._count_rows() IS 'Trigger: this row counts, or does no more, when the transaction commits.';

-- For what SQL moves; C functions tell the counters themselves and fire no triggers. For each row and not for each
-- statement: transition tables would copy every payload. Heartbeats update no column named here. They fire always: a
-- replica and a restored dump count too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ready', 'waiting', 'running', 'dead', 'history', 'attempt'] LOOP
        EXECUTE format('CREATE TRIGGER count_rows AFTER INSERT OR DELETE OR UPDATE OF %s ON astrid.%I
                            FOR EACH ROW EXECUTE FUNCTION astrid._count_rows(%L)',
                       CASE name WHEN 'waiting' THEN 'queue_id, blocked' WHEN 'history' THEN 'queue_id, state'
                                 WHEN 'attempt' THEN 'queue_id, cause' ELSE 'queue_id' END, name, name);
        EXECUTE format('ALTER TABLE astrid.%I ENABLE ALWAYS TRIGGER count_rows', name);
        CONTINUE WHEN name IN ('history', 'attempt');
        EXECUTE format('CREATE TRIGGER count_truncated AFTER TRUNCATE ON astrid.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION astrid._count_rows(%L)', name, name);
        EXECUTE format('ALTER TABLE astrid.%I ENABLE ALWAYS TRIGGER count_truncated', name);
    END LOOP;
END
$$;

CREATE FUNCTION astrid._forget_totals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    DELETE FROM astrid.queue_total t WHERE t.queue_id = OLD.queue_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION astrid._forget_totals() IS 'Trigger: the totals of a queue go with it.';
CREATE TRIGGER forget_totals AFTER DELETE ON astrid.queue FOR EACH ROW EXECUTE FUNCTION astrid._forget_totals();
