CREATE TABLE astrid.unique_key (
    queue_id   int NOT NULL,
    unique_key text NOT NULL,
    job_id     bigint NOT NULL,
    PRIMARY KEY (queue_id, unique_key)
);
COMMENT ON TABLE astrid.unique_key IS 'Unique keys of live jobs: held from enqueue to the final state.';
COMMENT ON COLUMN astrid.unique_key.queue_id IS 'Queue in which the key is unique.';
COMMENT ON COLUMN astrid.unique_key.unique_key IS 'The key.';
COMMENT ON COLUMN astrid.unique_key.job_id IS 'The job that holds it.';
