-- Every row goes to the table of the same name; new columns take these values, or their default.
DO $$
DECLARE
    job_columns text[] := ARRAY['lane', 'crashes'];
    job_values text[] := ARRAY['greatest(least(priority, 1073741823), -1073741823) * 2 + 1', '0'];
    t record;
BEGIN
    FOR t IN
        SELECT c.relname AS name,
               (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
          FROM pg_class c
         WHERE c.relnamespace = 'astrid_0_1_0'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        EXECUTE format('INSERT INTO astrid.%I (%s) SELECT %s FROM astrid_0_1_0.%1$I', t.name,
            array_to_string(t.columns || CASE WHEN t.name IN ('ready', 'running', 'dead', 'history') THEN job_columns
                                              WHEN t.name = 'waiting' THEN job_columns || ARRAY['parked']
                                              ELSE '{}' END, ', '),
            array_to_string(t.columns || CASE WHEN t.name IN ('ready', 'running', 'dead', 'history') THEN job_values
                                              WHEN t.name = 'waiting' THEN job_values || ARRAY['false']
                                              ELSE '{}' END, ', '));
    END LOOP;
END
$$;
