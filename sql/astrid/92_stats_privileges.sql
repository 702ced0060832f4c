-- Whoever may look at queues executes what the views of their statistics call.
GRANT SELECT ON astrid.queue_stats TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
GRANT EXECUTE ON FUNCTION astrid._queue_counts(), astrid._queue_totals(), astrid._oldest_ready(int),
    astrid._percentile(bigint[], float8)
    TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
