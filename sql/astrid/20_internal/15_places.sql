CREATE FUNCTION astrid._lane(queue int, priority int) RETURNS int
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'astrid_lane';
COMMENT ON FUNCTION astrid._lane(int, int) IS 'Lane of astrid.ready that jobs of this priority go to.';

CREATE FUNCTION astrid._lane_of(queue int, priority int, admission int) RETURNS int
    LANGUAGE sql STABLE
    RETURN astrid._lane(queue, priority) - CASE WHEN admission IS NULL THEN 0 ELSE 1 END;
COMMENT ON FUNCTION astrid._lane_of(int, int, int) IS
    'Lane of astrid.ready for a job that comes back: one that its group has looked at goes ahead of those of its priority that it has not, so that none of the group overtakes it.';

CREATE FUNCTION astrid._position(queue int, priority int, group_key text) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_position';
COMMENT ON FUNCTION astrid._position(int, int, text) IS 'The next place in its lane for a job of this priority and group.';

CREATE FUNCTION astrid._return_tokens(queue int, jobs int) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_return_tokens';
COMMENT ON FUNCTION astrid._return_tokens(int, int) IS
    'So many jobs of the queue run no more: their units of its concurrency are free again.';

CREATE FUNCTION astrid._stripe(group_key text) RETURNS int
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'astrid_stripe';
COMMENT ON FUNCTION astrid._stripe(text) IS
    'Number of the lock of a group within its queue: who takes several takes them in the order of queue and number.';

CREATE FUNCTION astrid._leave_group(queue int, group_key text, job bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_leave_group';
COMMENT ON FUNCTION astrid._leave_group(int, text, bigint) IS
    'The job does not count towards its group any more: the next one of the group that waits may go on.';

CREATE FUNCTION astrid._jobs_ended(jobs bigint[], how text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_jobs_ended';
COMMENT ON FUNCTION astrid._jobs_ended(bigint[], text) IS
    'These jobs, taken from their tables, are now completed, dead, cancelled or deleted: what waits for them goes on or is cancelled.';

CREATE FUNCTION astrid._subscriptions_changed() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_subscriptions_changed';
COMMENT ON FUNCTION astrid._subscriptions_changed() IS 'Makes every backend read astrid.subscription again.';

CREATE FUNCTION astrid._job_event(queue int, job bigint, what text, state text, attempt int, group_key text,
                                  worker text, error text) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_job_event';
COMMENT ON FUNCTION astrid._job_event(int, bigint, text, text, int, text, text, text) IS
    'Publishes what happened to a job, if its queue wants that.';
