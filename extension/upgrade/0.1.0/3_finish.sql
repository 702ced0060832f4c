DO $$
DECLARE
    t record;
BEGIN
    -- Leaves before their parent; as members of the extension they would stay on the list of what pg_dump saves.
    FOR t IN
        SELECT c.oid::regclass AS name FROM pg_class c
         WHERE c.relnamespace = 'astrid_0_1_0'::regnamespace AND c.relkind IN ('r', 'p')
         ORDER BY c.relispartition DESC
    LOOP
        EXECUTE format('ALTER EXTENSION astrid DROP TABLE %s', t.name);
        EXECUTE format('DROP TABLE %s', t.name);
    END LOOP;
END
$$;
DROP SCHEMA astrid_0_1_0;

-- A concurrency is laid out in tokens now.
SELECT astrid._queues_changed();
SELECT astrid._deal_concurrency(q) FROM astrid.queue q WHERE q.concurrency IS NOT NULL;

-- Schemas were stored as they came, and are enforced now.
DO $$
DECLARE
    q record;
BEGIN
    FOR q IN SELECT queue_name, payload_schema FROM astrid.queue WHERE payload_schema IS NOT NULL LOOP
        BEGIN
            PERFORM astrid._check_schema(q.payload_schema, 'payload_schema');
        EXCEPTION WHEN SQLSTATE 'QJ006' THEN
            RAISE WARNING 'queue "%" refuses all payloads: its schema is no JSON Schema (%)', q.queue_name, SQLERRM
                USING HINT = 'astrid_alter_queue sets another one, or none with the JSON value null.';
        END;
    END LOOP;
END
$$;
