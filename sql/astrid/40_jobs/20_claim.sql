CREATE FUNCTION astrid.claim(queues text[], worker text, max_jobs int DEFAULT NULL, lease interval DEFAULT NULL)
    RETURNS TABLE (job_id bigint, lease_id bigint, queue_name text, payload jsonb, attempt int, max_attempts int,
                   timeout interval, lease_until timestamptz, worker_type text, enqueued_at timestamptz, priority int,
                   group_key text, tags text[])
    LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'astrid_claim';
COMMENT ON FUNCTION astrid.claim(text[], text, int, interval) IS
    'Leases up to max_jobs (1) ready jobs to the worker for lease (60 s), by queue priority, job priority, place. Commit before the work starts.';

CREATE FUNCTION astrid.complete(job_id bigint, lease_id bigint, result jsonb DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_complete';
COMMENT ON FUNCTION astrid.complete(bigint, bigint, jsonb) IS
    'The job is done. False: the lease is lost; roll back what was done for it.';

CREATE FUNCTION astrid.complete_batch(job_ids bigint[], lease_ids bigint[], results jsonb[] DEFAULT NULL) RETURNS int
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_complete_batch';
COMMENT ON FUNCTION astrid.complete_batch(bigint[], bigint[], jsonb[]) IS
    'Completes several jobs, skips lost leases, returns how many were completed.';

CREATE FUNCTION astrid.complete_and_claim(job_ids bigint[], lease_ids bigint[], results jsonb[], queues text[],
                                          worker text, max_jobs int DEFAULT NULL, lease interval DEFAULT NULL)
    RETURNS TABLE (job_id bigint, lease_id bigint, queue_name text, payload jsonb, attempt int, max_attempts int,
                   timeout interval, lease_until timestamptz, worker_type text, enqueued_at timestamptz, priority int,
                   group_key text, tags text[])
    LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'astrid_complete_and_claim';
COMMENT ON FUNCTION astrid.complete_and_claim(bigint[], bigint[], jsonb[], text[], text, int, interval) IS
    'Completes the jobs of the last claim and claims the next ones in one round trip. Any lost lease raises lease_lost and nothing is done.';

CREATE FUNCTION astrid.check_lease(job_id bigint, lease_id bigint) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_check_lease';
COMMENT ON FUNCTION astrid.check_lease(bigint, bigint) IS
    'Holds the lease until the transaction ends, or raises lease_lost. First call of whatever writes on behalf of a job.';
