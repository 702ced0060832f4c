CREATE FUNCTION astrid._lane(queue int, priority int) RETURNS int
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'astrid_lane';
COMMENT ON FUNCTION astrid._lane(int, int) IS 'Lane of astrid.ready that jobs of this priority go to.';

CREATE FUNCTION astrid._position(queue int, priority int, group_key text) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_position';
COMMENT ON FUNCTION astrid._position(int, int, text) IS 'The next place in its lane for a job of this priority and group.';

CREATE FUNCTION astrid._return_tokens(queue int, jobs int) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_return_tokens';
COMMENT ON FUNCTION astrid._return_tokens(int, int) IS
    'So many jobs of the queue run no more: their units of its concurrency are free again.';

CREATE FUNCTION astrid._leave_group(queue int, group_key text, job bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_leave_group';
COMMENT ON FUNCTION astrid._leave_group(int, text, bigint) IS
    'The job does not count towards its group any more: the next one of the group that waits may go on.';

CREATE FUNCTION astrid._jobs_ended(jobs bigint[], how text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_jobs_ended';
COMMENT ON FUNCTION astrid._jobs_ended(bigint[], text) IS
    'These jobs, taken from their tables, are now completed, dead, cancelled or deleted: they wait for nothing any more, and what waits for them goes on or is cancelled.';

CREATE FUNCTION astrid._subscriptions_changed() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_subscriptions_changed';
COMMENT ON FUNCTION astrid._subscriptions_changed() IS 'Makes every backend read astrid.subscription again.';

CREATE FUNCTION astrid._job_event(queue int, job bigint, what text, state text, attempt int, group_key text,
                                  worker text, error text) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_job_event';
COMMENT ON FUNCTION astrid._job_event(int, bigint, text, text, int, text, text, text) IS
    'Publishes what happened to a job, if its queue wants that.';
