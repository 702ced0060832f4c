-- The partitions of the rings, made once: partitions made later would break pg_restore.
DO $$
DECLARE
    ring text;
    slot int;
BEGIN
    FOREACH ring IN ARRAY ARRAY['history', 'attempt', 'job_log', 'worker_sample', 'event'] LOOP
        FOR slot IN 0..7 LOOP
            EXECUTE format('CREATE TABLE astrid.%I PARTITION OF astrid.%I FOR VALUES IN (%s)',
                           ring || '_' || slot, ring, slot);
            EXECUTE format('COMMENT ON TABLE astrid.%I IS %L', ring || '_' || slot,
                           format('Slot %s of the ring astrid.%s.', slot, ring));
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON SEQUENCE astrid.queue_seq IS 'Numbers of queues.';
COMMENT ON SEQUENCE astrid.job_seq IS 'Numbers of jobs and places in the queues: both only grow.';
COMMENT ON SEQUENCE astrid.lease_seq IS 'Numbers of leases, never reused.';
