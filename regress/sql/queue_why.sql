-- astrid_why: the true reason in each state.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT astrid_create_queue('wh', worker_type => 'why', max_attempts => 2, backoff_base => '0');
SELECT astrid_enqueue('wh', '{}') AS first \gset
SELECT astrid_enqueue('wh', '{}') AS second \gset
-- ids differ from run to run
CREATE FUNCTION pg_temp.why(job bigint) RETURNS text LANGUAGE sql AS
    $$SELECT regexp_replace(astrid_why(job), 'job \d+', 'job N', 'g')$$;
SELECT pg_temp.why(:second);
SELECT astrid_heartbeat('why_w', info => '{"worker_type": "why"}');
SELECT pg_temp.why(:second);
SELECT astrid_pause_queue('wh');
SELECT pg_temp.why(:second);
SELECT astrid_resume_queue('wh');
SELECT job_id, lease_id FROM astrid_claim(ARRAY['wh'], 'why_w') \gset
SELECT pg_temp.why(:first);
SELECT astrid_alter_queue('wh', concurrency => 1);
SELECT pg_temp.why(:second);
SELECT astrid_alter_queue('wh', concurrency => 0);
SELECT astrid_enqueue('wh', '{}', depends_on => ARRAY[:first]) AS child \gset
SELECT pg_temp.why(:child);
SELECT astrid_fail(:job_id, :lease_id, 'no stars', retry_in => '1 min');
SELECT pg_temp.why(:first);
SET astrid.test_clock = '2030-01-01 00:02:00+00';
SELECT pg_temp.why(:first);
SELECT astrid_maintain() ->> 'promoted' AS promoted;
SELECT count(*) FROM astrid_claim(ARRAY['wh'], 'why_w', 2);
SELECT astrid_cancel(:second);
SELECT pg_temp.why(:second);
SET astrid.test_clock = '2030-01-01 00:10:00+00';
SELECT pg_temp.why(:first);
SELECT astrid_reap();
SELECT pg_temp.why(:first);
SELECT pg_temp.why(:second);
SELECT pg_temp.why(:child);
SELECT astrid_enqueue('wh', '{}', run_at => '2030-01-02') AS tomorrow \gset
SELECT pg_temp.why(:tomorrow);
SELECT astrid_enqueue('wh', '{}') > 0 AS enqueued;
SELECT job_id AS done, astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['wh'], 'why_w') \gset
SELECT pg_temp.why(:done);
SELECT pg_temp.why(-1);
SELECT astrid_job(-1);
SELECT astrid_drop_queue('wh');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
