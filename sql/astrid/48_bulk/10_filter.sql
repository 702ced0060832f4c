-- Which jobs? A filter is a JSON object; each key is a condition on a row of astrid.job_status, and all must hold.

CREATE FUNCTION astrid._refuse_filter(detail text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "filter"', DETAIL = detail,
        HINT = 'Keys are queue, state, tags, group_key, unique_key, priority, worker, error, payload, job_ids, and '
               'enqueued, started, finished or run with _before or _after.';
END
$$;
COMMENT ON FUNCTION astrid._refuse_filter(text) IS 'Raises QJ006 for a filter.';

CREATE FUNCTION astrid._filter_term(key text, value jsonb) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    word text := value #>> '{}';
    type text := CASE
        WHEN key IN ('queue', 'group_key', 'unique_key', 'worker', 'error') OR key ~ '_(before|after)$' THEN 'string'
        WHEN key = 'priority' THEN 'number'
        WHEN key IN ('tags', 'state', 'job_ids') THEN 'array'
        ELSE jsonb_typeof(value) END;
BEGIN
    IF key IN ('tags', 'state') AND jsonb_typeof(value) = 'string' THEN
        value := jsonb_build_array(value);
    END IF;
    IF jsonb_typeof(value) <> type THEN
        PERFORM astrid._refuse_filter(format('"%s" must be a JSON %s.', key, type));
    END IF;
    CASE key
    WHEN 'queue' THEN
        PERFORM astrid._queue_id(word);
        RETURN format('s.queue_name = %L', word);
    WHEN 'group_key', 'unique_key' THEN
        RETURN format('s.%I = %L', key, word);
    WHEN 'worker' THEN
        RETURN format('s.worker_id = %L', word);
    WHEN 'error' THEN
        PERFORM '' ~ word;
        RETURN format('s.error ~ %L', word);
    WHEN 'priority' THEN
        RETURN format('s.priority = %s', word::int);
    WHEN 'payload' THEN
        RETURN format('s.payload @> %L::jsonb', value);
    WHEN 'tags' THEN
        RETURN format('s.tags @> %L::text[]', ARRAY(SELECT jsonb_array_elements_text(value)));
    WHEN 'state' THEN
        RETURN 'true';  -- _filter_states looks at it
    WHEN 'job_ids' THEN
        RETURN format('s.job_id = ANY (%L::bigint[])', ARRAY(SELECT jsonb_array_elements_text(value)::bigint));
    WHEN 'enqueued_before', 'started_before', 'finished_before', 'run_before' THEN
        RETURN format('s.%I < %L::timestamptz', replace(key, 'before', 'at'), word::timestamptz);
    WHEN 'enqueued_after', 'started_after', 'finished_after', 'run_after' THEN
        RETURN format('s.%I > %L::timestamptz', replace(key, 'after', 'at'), word::timestamptz);
    ELSE
        PERFORM astrid._refuse_filter(format('It has an unknown key "%s".', key));
    END CASE;
EXCEPTION WHEN data_exception THEN
    PERFORM astrid._refuse_filter(format('"%s": %s.', key, SQLERRM));
END
$$;
COMMENT ON FUNCTION astrid._filter_term(text, jsonb) IS 'One key of a filter as a condition on job_status s.';

CREATE FUNCTION astrid._filter_condition(filter jsonb) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF jsonb_typeof(filter) IS DISTINCT FROM 'object' THEN
        PERFORM astrid._refuse_filter('It must be a JSON object.');
    END IF;
    -- A filter that lost its conditions on the way here must not mean "all jobs".
    IF filter - 'state' = '{}' THEN
        PERFORM astrid._refuse_filter('It must have at least one key beside "state".');
    END IF;
    RETURN (SELECT string_agg(astrid._filter_term(e.key, e.value), ' AND ' ORDER BY e.key) FROM jsonb_each(filter) e);
END
$$;
COMMENT ON FUNCTION astrid._filter_condition(jsonb) IS 'A filter as a condition on job_status s; raises QJ006.';

CREATE FUNCTION astrid._filter_states(filter jsonb, allowed text[], otherwise text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    states text[] := CASE jsonb_typeof(filter -> 'state')
        WHEN 'string' THEN ARRAY[filter ->> 'state']
        WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(filter -> 'state'))
        ELSE otherwise END;
BEGIN
    IF states IS NULL THEN
        PERFORM astrid._refuse_filter('It must have the key "state".');
    ELSIF NOT states <@ allowed THEN
        PERFORM astrid._refuse_filter(format('"state" may be %s here.', array_to_string(allowed, ', ')));
    END IF;
    RETURN states;
END
$$;
COMMENT ON FUNCTION astrid._filter_states(jsonb, text[], text[]) IS
    'The states of a filter, or others where it names none; raises QJ006 for one that is not allowed.';
