-- Queues: create, alter, pause, clear, drop.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;

-- defaults, then everything set
SELECT astrid_create_queue('adm_plain');
SELECT astrid_create_queue('adm_full', worker_type => 'tester', priority => 3, max_attempts => 2, timeout => '90 s',
    concurrency => 5, backoff_base => '1 s', backoff_max => '1 min', payload_schema => '{"type": "object"}', enabled => false);
SELECT queue_name, worker_type, priority, max_retries, timeout, concurrency, enabled, backoff_base, backoff_max, payload_schema
  FROM astrid.queue_status WHERE queue_name LIKE 'adm%' ORDER BY 1;

-- what is refused
SELECT astrid_create_queue('adm_plain');
SELECT astrid_create_queue(NULL);
SELECT astrid_create_queue('no,comma');
SELECT astrid_create_queue(repeat('x', 64));
SELECT astrid_create_queue('adm_bad', max_attempts => 0);
SELECT astrid_create_queue('adm_bad', timeout => '-1 s');
SELECT astrid_alter_queue('adm_none', priority => 1);
SELECT count(*) FROM astrid.queue_status WHERE queue_name = 'adm_bad';

-- alter: null leaves a setting as it is; empty, zero remove it
SELECT astrid_alter_queue('adm_full', priority => 4, enabled => true);
SELECT priority, worker_type, timeout, concurrency, enabled FROM astrid.queue_status WHERE queue_name = 'adm_full';
SELECT astrid_alter_queue('adm_full', worker_type => '', timeout => '0', concurrency => 0);
SELECT priority, worker_type, timeout, concurrency, enabled FROM astrid.queue_status WHERE queue_name = 'adm_full';

-- pause and resume; within one session at once
SELECT astrid_pause_queue('adm_plain');
SELECT astrid_enqueue('adm_plain', '{"n": 1}') > 0 AS enqueued;
SELECT count(*) FROM astrid_claim(ARRAY['adm_plain'], 'w');
SELECT astrid_resume_queue('adm_plain');
SELECT payload FROM astrid_claim(ARRAY['adm_plain'], 'w');

-- drain: what is in the queue is worked off, nothing is added; resume ends it
SELECT astrid_enqueue('adm_plain', '{"n": 2}') > 0 AS enqueued;
SELECT accepting, drained FROM astrid.queue_status WHERE queue_name = 'adm_plain';
SELECT astrid_drain_queue('adm_plain');
SELECT astrid_drain_queue('adm_plain');
SELECT astrid_enqueue('adm_plain', '{"n": 3}');
SELECT astrid_enqueue_batch('adm_plain', ARRAY['{"n": 3}']::jsonb[]);
SELECT accepting, drained, ready, running FROM astrid.queue_status WHERE queue_name = 'adm_plain';
SELECT count(*) FROM astrid_claim(ARRAY['adm_plain'], 'w');
SELECT count(astrid_complete(job_id, lease_id)) FROM astrid.job_status WHERE queue_name = 'adm_plain' AND state = 'running';
SELECT accepting, enabled, drained FROM astrid.queue_status WHERE queue_name = 'adm_plain';
SELECT astrid_resume_queue('adm_plain');
SELECT accepting, drained FROM astrid.queue_status WHERE queue_name = 'adm_plain';
SELECT astrid_enqueue('adm_plain', '{"n": 3}') > 0 AS enqueued;
SELECT astrid_clear_queue('adm_plain');
SELECT astrid_drain_queue('adm_none');

-- a queue made in a transaction that rolls back is not there after it
BEGIN;
SELECT astrid_create_queue('adm_gone');
SELECT astrid_enqueue('adm_gone', '{}') > 0 AS enqueued;
ROLLBACK;
SELECT astrid_enqueue('adm_gone', '{}');

-- clear: by state, with the unique keys; never running jobs
SELECT count(*) FROM astrid_enqueue_batch('adm_plain', ARRAY['{}', '{}', '{}']::jsonb[]);
SELECT astrid_enqueue('adm_plain', '{}', unique_key => 'k') > 0 AS enqueued;
SELECT astrid_enqueue('adm_plain', '{}', run_at => now() + interval '1 day', unique_key => 'later') > 0 AS enqueued;
SELECT astrid_clear_queue('adm_plain', ARRAY['running']);
SELECT astrid_clear_queue('adm_plain', ARRAY['scheduled']);
SELECT astrid_clear_queue('adm_plain');
SELECT astrid_clear_queue('adm_plain');
SELECT ready, scheduled, running FROM astrid.queue_status WHERE queue_name = 'adm_plain';
SELECT count(*) FROM astrid.unique_key;

-- drop: with jobs in every state
SELECT astrid_create_queue('adm_drop', max_attempts => 1);
SELECT count(*) FROM astrid_enqueue_batch('adm_drop', ARRAY['{"n": 1}', '{"n": 2}', '{"n": 3}']::jsonb[], unique_key => NULL);
SELECT astrid_enqueue('adm_drop', '{}', unique_key => 'k', run_at => now() + interval '1 day') > 0 AS enqueued;
SELECT job_id, lease_id FROM astrid_claim(ARRAY['adm_drop'], 'w') \gset
SELECT astrid_enqueue('adm_drop', '{}', depends_on => ARRAY[:job_id]) > 0 AS enqueued;
SELECT astrid_fail(:job_id, :lease_id, 'dies');
SELECT job_id, lease_id FROM astrid_claim(ARRAY['adm_drop'], 'w') \gset
SELECT ready, scheduled, blocked, running, dead FROM astrid.queue_status WHERE queue_name = 'adm_drop';
SELECT astrid_drop_queue('adm_drop');
SELECT astrid_complete(:job_id, :lease_id) AS lease_is_lost_when_false;
SELECT astrid_drop_queue('adm_drop');
SELECT astrid_claim(ARRAY['adm_drop'], 'w');
SELECT (SELECT count(*) FROM astrid.unique_key) AS keys, (SELECT count(*) FROM astrid.dependency) AS dependencies,
       (SELECT count(*) FROM astrid.dropped_queue) AS dropped;
SELECT astrid_maintain() ->> 'swept' AS swept;
SELECT count(*) AS dropped FROM astrid.dropped_queue;

-- a new queue of the same name starts empty
SELECT astrid_create_queue('adm_drop');
SELECT ready, scheduled, blocked, running, dead FROM astrid.queue_status WHERE queue_name = 'adm_drop';

-- the queues of the pipeline: made once, never changed
SELECT astrid_install_defaults();
SELECT astrid_alter_queue('detection', priority => 7);
SELECT astrid_install_defaults();
SELECT queue_name, worker_type, priority FROM astrid.queue_status WHERE queue_name = worker_type ORDER BY 1;

SELECT astrid_drop_queue(queue_name) FROM astrid.queue_status WHERE queue_name LIKE 'adm%' OR queue_name = worker_type;
SELECT astrid_maintain() ->> 'swept' AS swept;
