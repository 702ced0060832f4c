CREATE FUNCTION astrid.enqueue(queue text, payload jsonb, priority int DEFAULT NULL, run_at timestamptz DEFAULT NULL,
                               max_attempts int DEFAULT NULL, timeout interval DEFAULT NULL,
                               unique_key text DEFAULT NULL, group_key text DEFAULT NULL,
                               depends_on bigint[] DEFAULT NULL, tags text[] DEFAULT NULL,
                               unique_mode text DEFAULT NULL, unique_window interval DEFAULT NULL,
                               unique_max_wait interval DEFAULT NULL, deadline timestamptz DEFAULT NULL,
                               retry jsonb DEFAULT NULL, depends_mode text DEFAULT NULL, depends_failure text DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_enqueue';
COMMENT ON FUNCTION astrid.enqueue(text, jsonb, int, timestamptz, int, interval, text, text, bigint[], text[], text, interval,
                                    interval, timestamptz, jsonb, text, text) IS
    'Puts a job into the queue, when the transaction commits. Returns its id, or that of the live job with the same unique_key.';

CREATE FUNCTION astrid.enqueue_batch(queue text, payloads jsonb[], priority int DEFAULT NULL,
                                     run_at timestamptz DEFAULT NULL, max_attempts int DEFAULT NULL,
                                     timeout interval DEFAULT NULL, unique_key text DEFAULT NULL,
                                     group_key text DEFAULT NULL, depends_on bigint[] DEFAULT NULL,
                                     tags text[] DEFAULT NULL, unique_mode text DEFAULT NULL, unique_window interval DEFAULT NULL,
                                     unique_max_wait interval DEFAULT NULL, deadline timestamptz DEFAULT NULL,
                                     retry jsonb DEFAULT NULL, depends_mode text DEFAULT NULL, depends_failure text DEFAULT NULL,
                                     unique_keys text[] DEFAULT NULL, group_keys text[] DEFAULT NULL)
    RETURNS SETOF bigint
    LANGUAGE c VOLATILE ROWS 100 AS 'MODULE_PATHNAME', 'astrid_enqueue_batch';
COMMENT ON FUNCTION astrid.enqueue_batch(text, jsonb[], int, timestamptz, int, interval, text, text, bigint[], text[], text,
                                          interval, interval, timestamptz, jsonb, text, text, text[], text[]) IS
    'Puts one job per payload into the queue, all with the same options, except that unique_keys and group_keys have one element per payload; returns their ids in the order of the payloads.';
