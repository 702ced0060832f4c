-- pg_dump saves the rows of every table and the state of every sequence: none can be forgotten.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid FROM pg_class c
         WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'S')
    LOOP
        PERFORM pg_extension_config_dump(relation, '');
    END LOOP;
END
$$;
