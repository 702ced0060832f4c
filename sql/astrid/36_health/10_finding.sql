-- astrid.health: one row per check. Each group of checks is a function; all are STABLE, so that they see one snapshot and
-- what does not add up does not add up.
CREATE TYPE astrid._finding AS (
    check_name text,
    status     text,
    value      float8,
    threshold  float8,
    unit       text,
    detail     text
);
COMMENT ON TYPE astrid._finding IS 'A row of astrid.health.';

CREATE FUNCTION astrid._check(check_name text, value float8, warning float8, critical float8, unit text, fact text,
                              remedy text)
    RETURNS astrid._finding
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
SELECT check_name,
       CASE WHEN value >= critical THEN 'critical' WHEN value >= warning THEN 'warning' ELSE 'ok' END,
       value, coalesce(warning, critical), unit,
       concat_ws('. ', fact, CASE WHEN value >= least(warning, critical) THEN remedy END)
$$;
COMMENT ON FUNCTION astrid._check(text, float8, float8, float8, text, text, text) IS
    'A finding: what was measured, from where on it is a warning or critical, and what to do then.';

CREATE FUNCTION astrid._seconds(span interval) RETURNS float8
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT round(greatest(extract(epoch FROM span), 0), 3)::float8 WHERE span IS NOT NULL $$;
COMMENT ON FUNCTION astrid._seconds(interval) IS 'A time in seconds; none is negative.';
