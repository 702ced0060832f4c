CREATE FUNCTION astrid._hold_key(queue int, key text, job bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
DECLARE
    holder bigint;
BEGIN
    LOOP
        -- Looking first never waits for the transaction that is about to release the key: until it commits, its job
        -- is alive and is the answer.
        SELECT k.job_id INTO holder FROM astrid.unique_key k WHERE k.queue_id = queue AND k.unique_key = key;
        IF FOUND THEN
            RETURN holder;
        END IF;
        INSERT INTO astrid.unique_key (queue_id, unique_key, job_id) VALUES (queue, key, job)
            ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN job;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION astrid._hold_key(int, text, bigint) IS
    'The job that holds the unique key: this one where the key was free.';

CREATE FUNCTION astrid._release_key(queue int, key text, job bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
BEGIN
    DELETE FROM astrid.unique_key k WHERE k.queue_id = queue AND k.unique_key = key AND k.job_id = job;
END
$$;
COMMENT ON FUNCTION astrid._release_key(int, text, bigint) IS 'The job has reached a final state: frees its unique key.';
