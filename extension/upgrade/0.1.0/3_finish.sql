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
