-- ALTER EXTENSION astrid UPDATE from 0.1.0. extension/Makefile puts this script together: this part, the tables of the
-- present version, 2_copy.sql, the functions and views of the present version, 3_finish.sql.
\echo Use "ALTER EXTENSION astrid UPDATE" to load this file. \quit

-- The job tables get columns in their middle, so all tables are made anew. Their predecessors wait here until the rows
-- are copied and the views are replaced, so that what a user built on the views stays.
CREATE SCHEMA astrid_0_1_0;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE astrid.%I SET SCHEMA astrid_0_1_0', name);
    END LOOP;
END
$$;

-- Functions that nothing depends on are made anew too: some have other arguments now.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure AS signature
          FROM pg_proc p
          JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
         WHERE e.extname = 'astrid'
    LOOP
        BEGIN
            EXECUTE format('DROP ROUTINE %s', f.signature);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            NULL;  -- of an unchanged signature: replaced below
        END;
    END LOOP;
END
$$;
