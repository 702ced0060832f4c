CREATE FUNCTION astrid.install_defaults() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp AS
$$
BEGIN
    -- ON CONFLICT DO NOTHING: what the user edited stays as it is.
    INSERT INTO astrid.queue (queue_name, worker_type, priority, max_attempts, timeout) VALUES
        ('observation_ingestion', 'observation_ingestion', 0, 4, '10 minutes'),
        ('preprocessing', 'preprocessing', 0, 4, '30 minutes'),
        ('differencing', 'differencing', 0, 4, '1 hour'),
        ('detection', 'detection', 0, 4, '30 minutes'),
        ('curation', 'curation', 0, 4, '10 minutes'),
        ('notification', 'notification', 0, 4, '5 minutes')
    ON CONFLICT DO NOTHING;
    PERFORM astrid._queues_changed();
END
$$;
COMMENT ON FUNCTION astrid.install_defaults() IS
    'Creates the queues of the pipeline where they are missing; never changes one that is there.';
