-- astrid: a job queue in PostgreSQL. Tables, functions and views live in the schema astrid; the functions also exist
-- as astrid_* in the schema that CREATE EXTENSION names (80_names.sql makes them).
\echo Use "CREATE EXTENSION astrid" to load this file. \quit

CREATE SCHEMA astrid;
COMMENT ON SCHEMA astrid IS 'astrid: queues, jobs, workers. Written only through its functions.';

-- Roles outlive the extension and are shared by all databases: another one may be creating them at this moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['astrid_admin', 'astrid_producer', 'astrid_worker', 'astrid_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- it is there: all that is wanted
        END;
    END LOOP;
END
$$;
