CREATE FUNCTION astrid._some(names text[], n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT nullif(concat_ws(' and ', array_to_string(names[1:3], ', '),
                                  CASE WHEN n > 3 THEN (n - 3)::text || ' more' END), '') $$;
COMMENT ON FUNCTION astrid._some(text[], bigint) IS
    'The first three of n things, and how many more there are; null: there is none.';

CREATE FUNCTION astrid._at_most_10000(n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT CASE WHEN n > 10000 THEN 'more than 10000' ELSE n::text END $$;
COMMENT ON FUNCTION astrid._at_most_10000(bigint) IS 'A number that was counted no further than 10001.';
