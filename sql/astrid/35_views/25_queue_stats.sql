-- Null as long as history is being counted, after a start of the server; rates also where astrid is not preloaded.
CREATE VIEW astrid.queue_stats AS
SELECT q.queue_name, t.enqueued, t.started, t.completed, t.cancelled, t.failed, t.crashed, t.died,
       t.enqueued_1 AS enqueued_1_minute, t.completed_1 AS completed_1_minute, t.failed_1 AS failed_1_minute,
       t.enqueued_15 AS enqueued_15_minutes, t.completed_15 AS completed_15_minutes, t.failed_15 AS failed_15_minutes,
       t.wait_sum / 1e6::float8 / nullif(t.completed, 0) AS wait_mean, astrid._percentile(t.wait_histogram, 0.5) AS wait_p50,
       astrid._percentile(t.wait_histogram, 0.95) AS wait_p95, astrid._percentile(t.wait_histogram, 0.99) AS wait_p99,
       t.run_sum / 1e6::float8 / nullif(t.completed, 0) AS run_mean, astrid._percentile(t.run_histogram, 0.5) AS run_p50,
       astrid._percentile(t.run_histogram, 0.95) AS run_p95, astrid._percentile(t.run_histogram, 0.99) AS run_p99,
       t.wait_sum / 1e6::float8 AS wait_sum, t.run_sum / 1e6::float8 AS run_sum, t.wait_histogram, t.run_histogram
  FROM astrid.queue q
  LEFT JOIN astrid._queue_totals() t USING (queue_id);

COMMENT ON VIEW astrid.queue_stats IS 'What each queue has done so far, how fast, and how long jobs waited and ran.';
COMMENT ON COLUMN astrid.queue_stats.queue_name IS 'Name of the queue.';
COMMENT ON COLUMN astrid.queue_stats.enqueued IS 'Jobs enqueued so far.';
COMMENT ON COLUMN astrid.queue_stats.started IS 'Attempts started.';
COMMENT ON COLUMN astrid.queue_stats.completed IS 'Jobs completed.';
COMMENT ON COLUMN astrid.queue_stats.cancelled IS 'Jobs cancelled.';
COMMENT ON COLUMN astrid.queue_stats.failed IS 'Attempts that failed, crashed ones included.';
COMMENT ON COLUMN astrid.queue_stats.crashed IS 'Attempts that crashed or lost their lease.';
COMMENT ON COLUMN astrid.queue_stats.died IS 'Times that a job became a dead letter.';
COMMENT ON COLUMN astrid.queue_stats.enqueued_1_minute IS 'Jobs enqueued in the last whole minute.';
COMMENT ON COLUMN astrid.queue_stats.completed_1_minute IS 'Jobs completed in it.';
COMMENT ON COLUMN astrid.queue_stats.failed_1_minute IS 'Attempts failed in it.';
COMMENT ON COLUMN astrid.queue_stats.enqueued_15_minutes IS 'Jobs enqueued in the last 15 whole minutes.';
COMMENT ON COLUMN astrid.queue_stats.completed_15_minutes IS 'Jobs completed in them.';
COMMENT ON COLUMN astrid.queue_stats.failed_15_minutes IS 'Attempts failed in them.';
COMMENT ON COLUMN astrid.queue_stats.wait_mean IS 'Mean time between being due and the last claim, of completed jobs [s].';
COMMENT ON COLUMN astrid.queue_stats.wait_p50 IS 'Half of them waited no longer [s].';
COMMENT ON COLUMN astrid.queue_stats.wait_p95 IS '95 % waited no longer [s].';
COMMENT ON COLUMN astrid.queue_stats.wait_p99 IS '99 % waited no longer [s].';
COMMENT ON COLUMN astrid.queue_stats.run_mean IS 'Mean time from the last claim to completion [s].';
COMMENT ON COLUMN astrid.queue_stats.run_p50 IS 'Half of them ran no longer [s].';
COMMENT ON COLUMN astrid.queue_stats.run_p95 IS '95 % ran no longer [s].';
COMMENT ON COLUMN astrid.queue_stats.run_p99 IS '99 % ran no longer [s].';
COMMENT ON COLUMN astrid.queue_stats.wait_sum IS 'Sum of the waits [s].';
COMMENT ON COLUMN astrid.queue_stats.run_sum IS 'Sum of the run times [s].';
COMMENT ON COLUMN astrid.queue_stats.wait_histogram IS 'Waits by size: under 1 ms, under 2 ms, under 4 ms, ..., the last without a limit.';
COMMENT ON COLUMN astrid.queue_stats.run_histogram IS 'Run times by size, in the same way.';
