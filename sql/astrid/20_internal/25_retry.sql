CREATE FUNCTION astrid._seconds(length jsonb) RETURNS float8
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    IF jsonb_typeof(length) = 'number' THEN
        RETURN length::float8;
    END IF;
    IF length = 'null' THEN
        RETURN 'NaN';
    END IF;
    RETURN extract(epoch FROM (length #>> '{}')::interval);
EXCEPTION WHEN data_exception THEN
    RETURN 'NaN';
END
$$;
COMMENT ON FUNCTION astrid._seconds(jsonb) IS 'Length of an interval or of a number of seconds in a retry policy; NaN: it is none.';

CREATE FUNCTION astrid._retry_problem(name text, value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT CASE
    WHEN name = 'kind' THEN
        CASE WHEN value NOT IN ('"exponential"', '"linear"', '"fixed"', '"list"')
             THEN '"kind" must be exponential, linear, fixed or list.' END
    WHEN name IN ('base', 'max') THEN
        CASE WHEN NOT astrid._seconds(value) BETWEEN 0 AND 3e9
             THEN format('"%s" must be an interval or a number of seconds, not negative.', name) END
    WHEN name = 'factor' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' OR NOT value::float8 BETWEEN 1 AND 1000
             THEN '"factor" must be a number from 1 to 1000.' END
    WHEN name = 'jitter' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' OR NOT value::float8 BETWEEN 0 AND 1
             THEN '"jitter" must be a number from 0 to 1.' END
    WHEN name = 'delays' THEN
        CASE WHEN jsonb_typeof(value) <> 'array' OR value = '[]'
               OR EXISTS (SELECT FROM jsonb_path_query(value, 'strict $[*]', silent => true) d
                           WHERE NOT astrid._seconds(d) BETWEEN 0 AND 3e9)
             THEN '"delays" must be an array of intervals or numbers of seconds, none negative.' END
    WHEN name = 'permanent' THEN
        CASE WHEN jsonb_typeof(value) <> 'array'
               OR EXISTS (SELECT FROM jsonb_path_query(value, 'strict $[*]', silent => true) d
                           WHERE jsonb_typeof(d) <> 'string')
             THEN '"permanent" must be an array of causes and error codes.' END
    ELSE format('It has no field "%s": kind, base, max, factor, delays, jitter, permanent.', name)
    END
$$;
COMMENT ON FUNCTION astrid._retry_problem(text, jsonb) IS 'What is wrong with a field of a retry policy; null: nothing.';

CREATE FUNCTION astrid._check_retry(policy jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    problem text;
BEGIN
    IF jsonb_typeof(policy) <> 'object' THEN
        problem := 'It must be a JSON object.';
    ELSIF (policy ? 'delays') <> coalesce(policy ->> 'kind' = 'list', false) THEN
        problem := '"delays" belong to the kind list, and only to it.';
    ELSE
        SELECT min(astrid._retry_problem(f.key, f.value)) INTO problem FROM jsonb_each(policy) f;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'QJ006', MESSAGE = 'invalid argument "retry"', DETAIL = problem,
            HINT = 'For example {"kind": "exponential", "base": "10 s", "max": "1 h", "factor": 2, "jitter": 0.2}.';
    END IF;
END
$$;
COMMENT ON FUNCTION astrid._check_retry(jsonb) IS 'Raises QJ006, saying what is wrong with a retry policy.';

CREATE FUNCTION astrid._backoff(q astrid.queue, policy jsonb, attempt int) RETURNS interval
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, astrid, pg_temp AS
$$
DECLARE
    kind text := coalesce(policy ->> 'kind', 'exponential');
    base float8 := coalesce(astrid._seconds(policy -> 'base'), extract(epoch FROM q.backoff_base));
    longest float8 := coalesce(astrid._seconds(policy -> 'max'),
                               CASE WHEN kind IN ('exponential', 'linear') THEN extract(epoch FROM q.backoff_max) END);
    jitter float8 := coalesce((policy -> 'jitter')::float8, 0.2);
    wait float8;
BEGIN
    wait := CASE kind
        WHEN 'exponential' THEN base * power(coalesce((policy -> 'factor')::float8, 2), least(attempt - 1, 60))
        WHEN 'linear' THEN base * attempt
        WHEN 'fixed' THEN base
        ELSE astrid._seconds(policy -> 'delays' -> least(attempt, jsonb_array_length(policy -> 'delays')) - 1)
        END;
    RETURN make_interval(secs => (1 - jitter * random()) * least(wait, longest));
END
$$;
COMMENT ON FUNCTION astrid._backoff(astrid.queue, jsonb, int) IS
    'Wait after this attempt by the policy (null: exponential), less a random part of up to its jitter (a fifth).';

CREATE FUNCTION astrid._is_permanent(policy jsonb, cause text, info jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, astrid, pg_temp AS
$$
SELECT coalesce(policy -> 'permanent' ?| array_remove(ARRAY[cause, info ->> 'code', info #>> '{error,code}'], NULL), false)
$$;
COMMENT ON FUNCTION astrid._is_permanent(jsonb, text, jsonb) IS
    'Does the policy name the cause or the error code of the attempt among those that no further attempt can help?';
