CREATE FUNCTION astrid._bulk_enter(op astrid.bulk_operation, jobs bigint[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
BEGIN
    IF op.kind = 'cancel' AND 'running' = ANY (op.states) THEN
        -- Who ends them has them before the locks of their groups.
        PERFORM FROM astrid.running r WHERE r.job_id = ANY (jobs) ORDER BY r.job_id FOR NO KEY UPDATE;
    END IF;
    IF op.kind <> 'retry' THEN  -- by which no job loses its place
        PERFORM astrid._enter_groups_of(jobs);
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._bulk_enter(astrid.bulk_operation, bigint[]) IS
    'Takes the locks that an operation on these jobs needs, in the order in which all take them: running jobs, then groups; the other jobs follow.';

CREATE FUNCTION astrid._bulk_apply(op astrid.bulk_operation, job bigint) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    RETURN CASE op.kind
        WHEN 'cancel' THEN astrid._bulk_cancel(job, op.states)
        WHEN 'retry' THEN astrid._bulk_retry(job, op.states)
        WHEN 'delete' THEN astrid._bulk_delete(job, op.states)
        WHEN 'move' THEN astrid._bulk_move(job, op.states, op.filter ->> 'queue', op.to_queue) END;
END
$$;
COMMENT ON FUNCTION astrid._bulk_apply(astrid.bulk_operation, bigint) IS
    'Does to a job what the operation is for; false where it is left as it is.';

CREATE FUNCTION astrid._bulk_answer(op astrid.bulk_operation) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('bulk_id', op.bulk_id, 'state', op.state, 'matched', op.matched, 'done', op.done,
        'skipped', op.skipped);
COMMENT ON FUNCTION astrid._bulk_answer(astrid.bulk_operation) IS 'What a bulk operation tells its caller.';

CREATE FUNCTION astrid._bulk_later(op astrid.bulk_operation, query text) RETURNS astrid.bulk_operation
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    EXECUTE format('INSERT INTO astrid.bulk_job (bulk_id, job_id) SELECT $1, f.job_id FROM (%s) f', query)
        USING op.bulk_id;
    GET DIAGNOSTICS op.matched = ROW_COUNT;
    PERFORM astrid._wake_at(clock_timestamp());
    RETURN op;
END
$$;
COMMENT ON FUNCTION astrid._bulk_later(astrid.bulk_operation, text) IS
    'Chooses the jobs of an operation with a rate; maintenance does the rest.';

CREATE FUNCTION astrid._bulk_now(op astrid.bulk_operation, query text) RETURNS astrid.bulk_operation
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    jobs bigint[];
    job bigint;
BEGIN
    EXECUTE format('SELECT array_agg(f.job_id) FROM (%s) f', query) INTO jobs;
    jobs := coalesce(jobs, '{}');
    PERFORM astrid._bulk_enter(op, jobs);
    op.matched := cardinality(jobs);
    FOREACH job IN ARRAY jobs LOOP
        op.last_job := job;
        IF astrid._bulk_apply(op, job) THEN
            op.done := op.done + 1;
        ELSE
            op.skipped := op.skipped + 1;
        END IF;
    END LOOP;
    op.state := 'finished';
    op.finished_at := astrid.clock();
    RETURN op;
END
$$;
COMMENT ON FUNCTION astrid._bulk_now(astrid.bulk_operation, text) IS 'Does an operation without a rate.';

CREATE FUNCTION astrid._bulk_begin(op astrid.bulk_operation, query text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    INSERT INTO astrid.bulk_operation (kind, filter, states, to_queue, rate, max_jobs)
        VALUES (op.kind, op.filter, op.states, op.to_queue, op.rate, op.max_jobs)
    RETURNING * INTO op;
    IF op.rate IS NULL THEN
        op := astrid._bulk_now(op, query);
    ELSE
        op := astrid._bulk_later(op, query);
    END IF;
    UPDATE astrid.bulk_operation b
       SET matched = op.matched, done = op.done, skipped = op.skipped, last_job = op.last_job, state = op.state,
           finished_at = op.finished_at
     WHERE b.bulk_id = op.bulk_id;
    RETURN astrid._bulk_answer(op);
END
$$;
COMMENT ON FUNCTION astrid._bulk_begin(astrid.bulk_operation, text) IS
    'Does an operation at once, or leaves it to maintenance (with a rate).';

CREATE FUNCTION astrid._bulk(kind text, filter jsonb, allowed text[], otherwise text[], to_queue text, dry_run boolean,
                             rate int, max_jobs int)
    RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    op astrid.bulk_operation;
    query text;
    n bigint;
BEGIN
    op.kind := kind;
    op.filter := filter;
    op.states := astrid._filter_states(filter, allowed, otherwise);
    op.to_queue := to_queue;
    op.rate := rate;
    op.max_jobs := max_jobs;
    -- In the order in which completions and heartbeats take jobs.
    query := format('SELECT s.job_id FROM astrid.job_status s WHERE s.state = ANY (%L) AND %s ORDER BY s.job_id LIMIT %s',
                    op.states, astrid._filter_condition(filter), coalesce(max_jobs::text, 'ALL'));
    IF rate < 1 OR max_jobs < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006',
            MESSAGE = format('invalid argument "%s"', CASE WHEN rate < 1 THEN 'rate' ELSE 'max_jobs' END),
            DETAIL = 'It must be at least 1.';
    END IF;
    IF dry_run THEN
        EXECUTE format('SELECT count(*) FROM (%s) f', query) INTO n;
        RETURN jsonb_build_object('matched', n);
    END IF;
    RETURN astrid._bulk_begin(op, query);
END
$$;
COMMENT ON FUNCTION astrid._bulk(text, jsonb, text[], text[], text, boolean, int, int) IS
    'Begins an operation on the jobs of a filter, or counts them (dry_run). Their states are those that the filter names, of those allowed, or others where it names none.';

CREATE FUNCTION astrid._bulk_slice(op astrid.bulk_operation) RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp SET enable_seqscan = off AS
$$
DECLARE
    at timestamptz := astrid.clock();
    n int := least(op.rate, 1000);
    jobs bigint[] := ARRAY(SELECT j.job_id FROM astrid.bulk_job j
                            WHERE j.bulk_id = op.bulk_id AND j.job_id > op.last_job ORDER BY j.job_id LIMIT n);
    job bigint;
BEGIN
    IF op.kind = 'move' THEN
        PERFORM astrid._check_target(op.to_queue);
    END IF;
    PERFORM astrid._bulk_enter(op, jobs);
    FOREACH job IN ARRAY jobs LOOP
        IF astrid._bulk_apply(op, job) THEN
            op.done := op.done + 1;
        ELSE
            op.skipped := op.skipped + 1;
        END IF;
        op.last_job := job;
    END LOOP;
    DELETE FROM astrid.bulk_job j WHERE j.bulk_id = op.bulk_id AND j.job_id <= op.last_job;
    op.next_at := at + make_interval(secs => n::float8 / op.rate);
    IF op.done + op.skipped >= op.matched THEN
        op.state := 'finished';
        op.finished_at := at;
    END IF;
    UPDATE astrid.bulk_operation b
       SET done = op.done, skipped = op.skipped, last_job = op.last_job, next_at = op.next_at, state = op.state,
           finished_at = op.finished_at
     WHERE b.bulk_id = op.bulk_id;
    IF op.state = 'running' THEN
        PERFORM astrid._wake_at(op.next_at);
    END IF;
    RETURN cardinality(jobs);
END
$$;
COMMENT ON FUNCTION astrid._bulk_slice(astrid.bulk_operation) IS
    'The jobs that the rate of an operation allows for the next second, at most 1000.';

CREATE FUNCTION astrid._bulk_pass() RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    at timestamptz := astrid.clock();
    op astrid.bulk_operation;
    n int := 0;
BEGIN
    FOR op IN SELECT * FROM astrid.bulk_operation b WHERE b.state = 'running' AND b.next_at <= at
               ORDER BY b.bulk_id FOR UPDATE SKIP LOCKED LOOP
        BEGIN
            n := n + astrid._bulk_slice(op);
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                NULL;  -- somebody holds one of the jobs: the next pass tries again
            WHEN OTHERS THEN
                UPDATE astrid.bulk_operation b SET state = 'failed', finished_at = at, error = SQLERRM
                 WHERE b.bulk_id = op.bulk_id;
                DELETE FROM astrid.bulk_job j WHERE j.bulk_id = op.bulk_id;
        END;
    END LOOP;
    DELETE FROM astrid.bulk_operation b WHERE b.finished_at < at - interval '30 days';
    RETURN n;
END
$$;
COMMENT ON FUNCTION astrid._bulk_pass() IS
    'Goes on with the bulk operations whose rate allows it; returns how many jobs had their turn.';
