CREATE FUNCTION astrid._delete_jobs(queue int) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    gone bigint[];
    jobs bigint[];
BEGIN
    -- In the order in which completions take them: no deadlock with those.
    PERFORM FROM astrid.running r WHERE r.queue_id = queue ORDER BY r.job_id FOR UPDATE;
    PERFORM FROM astrid.waiting w WHERE w.queue_id = queue AND w.blocked ORDER BY w.job_id FOR UPDATE;
    -- Twice: between the statements a job may be claimed, or go back for a retry.
    FOR round IN 1..2 LOOP
        WITH x AS (DELETE FROM astrid.waiting w WHERE w.queue_id = queue RETURNING w.job_id)
        SELECT array_agg(x.job_id) INTO gone FROM x;
        jobs := jobs || gone;
        WITH x AS (DELETE FROM astrid.ready r WHERE r.queue_id = queue RETURNING r.job_id)
        SELECT array_agg(x.job_id) INTO gone FROM x;
        jobs := jobs || gone;
        WITH x AS (DELETE FROM astrid.running r WHERE r.queue_id = queue RETURNING r.job_id)
        SELECT array_agg(x.job_id) INTO gone FROM x;
        jobs := jobs || gone;
    END LOOP;
    WITH x AS (DELETE FROM astrid.dead d WHERE d.queue_id = queue RETURNING d.job_id)
    SELECT array_agg(x.job_id) INTO gone FROM x;
    jobs := jobs || gone;
    PERFORM astrid._restore_keys();
    DELETE FROM astrid.unique_key k WHERE k.queue_id = queue;
    DELETE FROM astrid.unique_window w WHERE w.queue_id = queue;
    DELETE FROM astrid.group_slot g WHERE g.queue_id = queue;
    DELETE FROM astrid.bucket b WHERE b.queue_id = queue;
    DELETE FROM astrid.token t WHERE t.queue_id = queue;
    PERFORM astrid._jobs_ended(jobs, 'deleted');  -- jobs of other queues may wait for them
    RETURN coalesce(cardinality(jobs), 0);
END
$$;
COMMENT ON FUNCTION astrid._delete_jobs(int) IS 'Deletes the jobs of a queue that are not finished.';

CREATE FUNCTION astrid.drop_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    id int := astrid._queue_id(queue);
BEGIN
    DELETE FROM astrid.queue q WHERE q.queue_id = id;
    IF NOT FOUND THEN
        PERFORM astrid._queue_id(queue);  -- another session has just dropped it: say so
    END IF;
    INSERT INTO astrid.dropped_queue (queue_id, queue_name, dropped_at) VALUES (id, queue, clock_timestamp());
    DELETE FROM astrid.subscription s WHERE s.queue_id = id;
    PERFORM astrid._subscriptions_changed();
    PERFORM astrid._queues_changed();
    PERFORM astrid._delete_jobs(id);
END
$$;
COMMENT ON FUNCTION astrid.drop_queue(text) IS
    'Drops the queue with all its jobs in any state. Running ones lose their leases: their workers cannot commit.';
