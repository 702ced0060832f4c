-- What the queue is doing, in any psql from 15 on; refreshed every two seconds, ended by Ctrl-C:
--   psql -f sql/dashboard.sql
-- Needs the role astrid_reader. One statement, because \watch repeats one: queues, workers, and rates of the last
-- minute and hour as rows of one table.
\set QUIET on
\pset footer off
\pset null ''
\pset title 'astrid'
WITH done AS (
    SELECT queue_name,
           count(*) FILTER (WHERE finished_at > astrid.clock() - interval '1 minute') AS last_minute,
           count(*) AS last_hour,
           avg(extract(epoch FROM finished_at - started_at))::numeric(12, 2) AS seconds
      FROM astrid.job_status
     WHERE state = 'completed' AND finished_at > astrid.clock() - interval '1 hour'
     GROUP BY queue_name),
lines AS (
    SELECT 1 AS part, q.queue_name AS name,
           CASE WHEN q.enabled THEN 'on' ELSE 'paused' END AS state,
           q.ready::text AS ready, (q.scheduled + q.blocked)::text AS waiting, q.running::text AS running, q.dead::text AS dead,
           coalesce(d.last_minute, 0)::text AS "done/min", coalesce(d.last_hour, 0)::text AS "done/h",
           d.seconds::text AS "s/job", date_trunc('second', q.oldest_ready_age)::text AS oldest
      FROM astrid.queue_status q
      LEFT JOIN done d USING (queue_name)
    UNION ALL
    SELECT 2, w.worker_id, w.status, '', '', w.running::text, w.tasks_failed::text, '', w.tasks_processed::text,
           round(w.average_processing_time::numeric, 2)::text,
           date_trunc('second', astrid.clock() - w.last_heartbeat)::text
      FROM astrid.worker_status w)
SELECT CASE part WHEN 1 THEN 'queue' ELSE 'worker' END AS what, name, state, ready, waiting, running, dead AS "dead/failed",
       "done/min", "done/h", "s/job", oldest AS "oldest/beat"
  FROM lines
 ORDER BY part, name
\watch 2
