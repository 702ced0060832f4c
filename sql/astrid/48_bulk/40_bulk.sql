CREATE FUNCTION astrid.cancel_jobs(filter jsonb, dry_run boolean DEFAULT NULL, rate int DEFAULT NULL,
                                   max_jobs int DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._bulk('cancel', filter, ARRAY['blocked', 'scheduled', 'ready', 'running'],
                    ARRAY['blocked', 'scheduled', 'ready', 'running'], NULL, dry_run, rate, max_jobs)
$$;
COMMENT ON FUNCTION astrid.cancel_jobs(jsonb, boolean, int, int) IS
    'Cancels the unfinished jobs that match the filter, as astrid_cancel does each. dry_run: only counts them. rate: at most so many per second, by maintenance. Returns {bulk_id, state, matched, done, skipped}.';

CREATE FUNCTION astrid.retry_jobs(filter jsonb, dry_run boolean DEFAULT NULL, rate int DEFAULT NULL,
                                  max_jobs int DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._bulk('retry', filter, ARRAY['dead', 'scheduled'],
                    ARRAY['dead'], NULL, dry_run, rate, max_jobs)
$$;
COMMENT ON FUNCTION astrid.retry_jobs(jsonb, boolean, int, int) IS
    'Retries the dead jobs (scheduled ones where "state" says so) that match the filter, as astrid_retry does each; skips those whose unique key another job has by now. dry_run, rate, result: as astrid_cancel_jobs.';

CREATE FUNCTION astrid.delete_jobs(filter jsonb, dry_run boolean DEFAULT NULL, rate int DEFAULT NULL,
                                   max_jobs int DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT astrid._bulk('delete', filter, ARRAY['blocked', 'scheduled', 'ready', 'dead', 'completed', 'cancelled'],
                    NULL, NULL, dry_run, rate, max_jobs)
$$;
COMMENT ON FUNCTION astrid.delete_jobs(jsonb, boolean, int, int) IS
    'Deletes the jobs that match the filter, which must name states, without a trace; never running ones. dry_run, rate, result: as astrid_cancel_jobs.';

CREATE FUNCTION astrid._check_target(queue text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
BEGIN
    PERFORM FROM astrid.queue q WHERE q.queue_id = id AND q.accepting;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ012', MESSAGE = format('queue "%s" is closed', queue),
            DETAIL = 'It is being drained: it accepts no new jobs.', HINT = 'astrid_resume_queue opens it again.';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._check_target(text) IS 'Raises QJ002 or QJ012 where jobs cannot be moved to the queue.';

CREATE FUNCTION astrid.move_jobs(from_queue text, to_queue text, filter jsonb DEFAULT NULL,
                                 dry_run boolean DEFAULT NULL, rate int DEFAULT NULL, max_jobs int DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    PERFORM astrid._queue_id(from_queue);
    PERFORM astrid._check_target(to_queue);
    IF from_queue = to_queue THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "to_queue"',
            DETAIL = 'It must be another queue.';
    ELSIF filter ? 'queue' THEN
        PERFORM astrid._refuse_filter('The queue is given by from_queue.');
    END IF;
    RETURN astrid._bulk('move', coalesce(filter, '{}') || jsonb_build_object('queue', from_queue),
                        ARRAY['blocked', 'scheduled', 'ready', 'dead'], ARRAY['blocked', 'scheduled', 'ready'],
                        to_queue, dry_run, rate, max_jobs);
END
$$;
COMMENT ON FUNCTION astrid.move_jobs(text, text, jsonb, boolean, int, int) IS
    'Moves the waiting and ready jobs of a queue (dead ones where "state" says so) to the end of another, with their options and unique keys; skips those whose key another job has there. dry_run, rate, result: as astrid_cancel_jobs.';

CREATE FUNCTION astrid.cancel_bulk(bulk_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    op_state text;
BEGIN
    UPDATE astrid.bulk_operation b SET state = 'cancelled', finished_at = astrid.clock()
     WHERE b.bulk_id = bulk_id AND b.state = 'running';
    IF FOUND THEN
        DELETE FROM astrid.bulk_job j WHERE j.bulk_id = bulk_id;
        RETURN;
    END IF;
    SELECT b.state INTO op_state FROM astrid.bulk_operation b WHERE b.bulk_id = bulk_id;
    IF op_state IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006',
            MESSAGE = format('bulk operation %s does not exist', coalesce(bulk_id::text, 'null')),
            HINT = 'The view astrid.bulk_status lists them.';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'QJ004', MESSAGE = format('bulk operation %s is %s', bulk_id, op_state),
        DETAIL = 'Only a running one can be cancelled.';
END
$$;
COMMENT ON FUNCTION astrid.cancel_bulk(bigint) IS
    'Ends a bulk operation that maintenance is working off; what is done stays done.';

CREATE VIEW astrid.bulk_status AS
SELECT b.bulk_id, b.kind, b.state, b.matched, b.done, b.skipped,
       CASE WHEN b.state = 'running' THEN b.matched - b.done - b.skipped ELSE 0 END AS remaining,
       b.rate, b.max_jobs, b.filter, b.states, b.to_queue, b.created_by, b.started_at, b.finished_at, b.error
  FROM astrid.bulk_operation b;

COMMENT ON VIEW astrid.bulk_status IS 'Operations on many jobs: those going on, and those of the last month.';
COMMENT ON COLUMN astrid.bulk_status.bulk_id IS 'Number of the operation.';
COMMENT ON COLUMN astrid.bulk_status.kind IS 'cancel, retry, delete or move.';
COMMENT ON COLUMN astrid.bulk_status.state IS 'running, finished, cancelled or failed.';
COMMENT ON COLUMN astrid.bulk_status.matched IS 'Jobs that the filter chose when it was started.';
COMMENT ON COLUMN astrid.bulk_status.done IS 'Jobs that it was done to.';
COMMENT ON COLUMN astrid.bulk_status.skipped IS
    'Jobs left as they are: in another state by then, or with a unique key that another job has.';
COMMENT ON COLUMN astrid.bulk_status.remaining IS 'Jobs whose turn is still to come.';
COMMENT ON COLUMN astrid.bulk_status.rate IS 'Most jobs per second; null: all were done at once.';
COMMENT ON COLUMN astrid.bulk_status.max_jobs IS 'Most jobs in all; null: no limit.';
COMMENT ON COLUMN astrid.bulk_status.filter IS 'The jobs that were asked for.';
COMMENT ON COLUMN astrid.bulk_status.states IS 'States that a job must be in.';
COMMENT ON COLUMN astrid.bulk_status.to_queue IS 'Where jobs are moved.';
COMMENT ON COLUMN astrid.bulk_status.created_by IS 'Role that started it.';
COMMENT ON COLUMN astrid.bulk_status.started_at IS 'When it was started.';
COMMENT ON COLUMN astrid.bulk_status.finished_at IS 'When it ended; null: it is going on.';
COMMENT ON COLUMN astrid.bulk_status.error IS 'What it failed with.';
