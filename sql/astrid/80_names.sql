-- Each function of the schema astrid also exists as astrid_* in the schema of the extension, so that
-- SELECT astrid_enqueue(...) works as it stands: the same definition under the second name.
DO $$
DECLARE
    f record;
    twin text;
    kind text;
BEGIN
    FOR f IN
        SELECT p.oid, p.proname, p.prokind, pg_get_functiondef(p.oid) AS definition,
               pg_get_function_identity_arguments(p.oid) AS arguments, obj_description(p.oid, 'pg_proc') AS comment
          FROM pg_proc p
         WHERE p.pronamespace = 'astrid'::regnamespace AND p.proname !~ '^_' AND p.proname <> 'clock'
    LOOP
        kind := CASE f.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END;
        twin := '@extschema@.astrid_' || f.proname;
        EXECUTE replace(f.definition, format('CREATE OR REPLACE %s astrid.%s(', kind, f.proname),
                        format('CREATE OR REPLACE %s %s(', kind, twin));
        EXECUTE format('COMMENT ON %s %s(%s) IS %L', kind, twin, f.arguments, f.comment);
    END LOOP;
END
$$;
