-- Many jobs at once: filters, dry runs, rates, moves, and a queue that is drained.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2029-03-01 00:00:00+00';
SELECT astrid_create_queue('bk', max_attempts => 1);
SELECT astrid_create_queue('bk_two', max_attempts => 1);
CREATE FUNCTION pg_temp.counts(queue text) RETURNS text LANGUAGE sql AS $$
SELECT format('ready %s scheduled %s blocked %s running %s dead %s', ready, scheduled, blocked, running, dead)
  FROM astrid.queue_status WHERE queue_name = queue
$$;
-- the answer without the number of the operation
CREATE FUNCTION pg_temp.told(answer jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT answer - 'bulk_id' $$;
-- claims jobs and fails them for good (the queues allow one attempt)
CREATE FUNCTION pg_temp.kill(queue text, how_many int, error text) RETURNS bigint LANGUAGE sql AS $$
SELECT count(astrid_fail(c.job_id, c.lease_id, error)) FROM astrid_claim(ARRAY[queue], 'bk_w', how_many) c
$$;

-- each key of a filter, counted by a dry run; nothing is done
SELECT astrid_enqueue('bk', '{"n": 1, "band": "r"}', tags => ARRAY['a', 'b'], group_key => 'g', priority => 5) AS job1,
       astrid_enqueue('bk', '{"n": 2, "band": "g"}', tags => ARRAY['a'], unique_key => 'u', priority => 5) AS job2 \gset
SET astrid.test_clock = '2029-03-01 01:00:00+00';
SELECT astrid_enqueue('bk', '{"n": 3, "band": "r"}', run_at => '2029-03-02 00:00:00+00') AS job3,
       astrid_enqueue('bk', '{"n": 4}', depends_on => ARRAY[:job1]) AS job4 \gset
SELECT astrid_enqueue('bk_two', '{"n": 5, "band": "r"}') > 0 AS enqueued;
SELECT f, astrid_cancel_jobs(f, dry_run => true) ->> 'matched' AS matched FROM unnest(ARRAY[
    '{"queue": "bk"}', '{"queue": "bk", "state": "ready"}', '{"queue": "bk", "state": ["scheduled", "blocked"]}',
    '{"tags": "a", "queue": "bk"}', '{"tags": ["a", "b"]}', '{"group_key": "g"}', '{"unique_key": "u"}', '{"priority": 5}',
    '{"queue": "bk", "payload": {"band": "r"}}', '{"payload": {"band": "r"}}', '{"worker": "nobody"}',
    '{"queue": "bk", "enqueued_before": "2029-03-01 00:30+00"}', '{"queue": "bk", "enqueued_after": "2029-03-01 00:30+00"}',
    '{"queue": "bk", "run_after": "2029-03-01 12:00+00"}', '{"job_ids": [-1]}']::jsonb[]) f;
SELECT astrid_cancel_jobs(jsonb_build_object('job_ids', ARRAY[:job1, :job3, :job3]), true) AS by_number;
SELECT astrid_cancel_jobs('{"queue": "bk"}', true, max_jobs => 3) AS at_most;
SELECT pg_temp.counts('bk');

-- what is refused
SELECT astrid_cancel_jobs(NULL);
SELECT astrid_cancel_jobs('{}');
SELECT astrid_cancel_jobs('{"state": "ready"}');
SELECT astrid_cancel_jobs('["bk"]');
SELECT astrid_cancel_jobs('{"queue": "bk", "colour": "red"}');
SELECT astrid_cancel_jobs('{"queue": "bk_none"}');
SELECT astrid_cancel_jobs('{"queue": 5}');
SELECT astrid_cancel_jobs('{"priority": 1.5e99}');
SELECT astrid_cancel_jobs('{"error": "("}');
SELECT astrid_cancel_jobs('{"enqueued_before": "soon"}');
SELECT astrid_cancel_jobs('{"job_ids": ["x"]}');
SELECT astrid_cancel_jobs('{"queue": "bk", "state": "dead"}');
SELECT astrid_retry_jobs('{"queue": "bk", "state": "running"}');
SELECT astrid_delete_jobs('{"queue": "bk", "state": "running"}');
SELECT astrid_delete_jobs('{"queue": "bk"}');
SELECT astrid_cancel_jobs('{"queue": "bk"}', rate => 0);
SELECT astrid_cancel_jobs('{"queue": "bk"}', max_jobs => 0);
SELECT astrid_move_jobs('bk', 'bk');
SELECT astrid_move_jobs('bk', 'bk_none');
SELECT astrid_move_jobs('bk', 'bk_two', '{"queue": "bk"}');
SELECT astrid_redrive('bk', '{"queue": "bk"}');
SELECT pg_temp.counts('bk');

-- cancel: waiting and ready ones at once, with their keys; running ones are told
SELECT count(*) FROM astrid_claim(ARRAY['bk_two'], 'bk_w');
SELECT pg_temp.told(astrid_cancel_jobs('{"payload": {"band": "r"}}'));
SELECT payload -> 'n' AS n, state FROM astrid.job_status WHERE queue_name LIKE 'bk%' ORDER BY job_id;
SELECT command FROM astrid_heartbeat('bk_w', ARRAY(SELECT job_id FROM astrid.running), ARRAY(SELECT lease_id FROM astrid.running));
SELECT pg_temp.told(astrid_cancel_jobs('{"queue": "bk"}'));
SELECT count(*) AS keys FROM astrid.unique_key;
SELECT count(*) AS dependencies FROM astrid.dependency;
SELECT astrid_fail(job_id, lease_id) FROM astrid.running;

-- retry: the dead, by what they died of; a key that another job has by now keeps one where it is
SELECT count(*) FROM astrid_enqueue_batch('bk', ARRAY['1', '2', '3']::jsonb[]);
SELECT astrid_enqueue('bk', '4', unique_key => 'k') > 0 AS enqueued;
SELECT pg_temp.kill('bk', 2, 'disk full'), pg_temp.kill('bk', 2, 'bad header');
SELECT astrid_enqueue('bk', '5', unique_key => 'k', run_at => '2029-04-01') > 0 AS enqueued;
SELECT pg_temp.told(astrid_retry_jobs('{"queue": "bk", "error": "^disk"}', max_jobs => 1));
SELECT pg_temp.told(astrid_retry_jobs('{"queue": "bk", "error": "header$"}'));
SELECT pg_temp.told(astrid_retry_jobs('{"queue": "bk", "state": "scheduled"}'));
SELECT payload, state, attempt FROM astrid.job_status WHERE queue_name = 'bk' AND state IN ('ready', 'dead') ORDER BY job_id;

-- redrive by filter
SELECT astrid_redrive('bk', '{"error": "none of these"}');
SELECT astrid_redrive('bk', max_jobs => 1);
SELECT astrid_redrive('bk', '{"error": "header"}');
SELECT pg_temp.counts('bk');

-- delete: states are named, running ones stay; finished ones too
SELECT count(*) FROM astrid_claim(ARRAY['bk'], 'bk_w');
SELECT pg_temp.told(astrid_delete_jobs('{"queue": "bk", "state": ["ready", "dead", "cancelled"]}'));
SELECT pg_temp.counts('bk');
SELECT state, count(*) FROM astrid.job_status WHERE queue_name = 'bk' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS keys FROM astrid.unique_key;
SELECT astrid_complete(job_id, lease_id) FROM astrid.running;
SELECT pg_temp.told(astrid_delete_jobs('{"queue": "bk", "state": "completed", "finished_after": "2029-01-01"}'));
SELECT count(*) FROM astrid.job_status WHERE queue_name = 'bk';

-- with a job that others wait for they are cancelled: done all the same, and deleted where that was asked for
SELECT astrid_enqueue('bk', '"parent"') AS parent \gset
SELECT astrid_enqueue('bk', '"child"', depends_on => ARRAY[:parent]) > 0 AS enqueued;
SELECT pg_temp.told(astrid_cancel_jobs('{"queue": "bk"}'));
SELECT astrid_enqueue('bk', '"parent"') AS parent \gset
SELECT astrid_enqueue('bk', '"child"', depends_on => ARRAY[:parent]) > 0 AS enqueued;
SELECT pg_temp.told(astrid_delete_jobs('{"queue": "bk", "state": ["ready", "blocked"]}'));
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'bk' ORDER BY job_id;

-- move: with all their options; a job whose key is taken over there stays
SELECT astrid_enqueue('bk', '1', priority => 3, max_attempts => 7, timeout => '5 s', unique_key => 'k1', group_key => 'g', tags => ARRAY['t']) AS job1,
       astrid_enqueue('bk', '2', unique_key => 'k2') AS job2,
       astrid_enqueue('bk', '3', run_at => '2029-05-01') AS job3 \gset
SELECT astrid_enqueue('bk', '4', depends_on => ARRAY[:job1]) > 0 AS enqueued;
SELECT astrid_enqueue('bk_two', '9', unique_key => 'k2') > 0 AS enqueued;
SELECT astrid_move_jobs('bk', 'bk_two', dry_run => true);
SELECT pg_temp.told(astrid_move_jobs('bk', 'bk_two'));
SELECT payload, queue_name, state, priority, max_attempts, timeout, unique_key, group_key, tags, run_at
  FROM astrid.job_status WHERE queue_name LIKE 'bk%' AND finished_at IS NULL ORDER BY payload;
SELECT q.queue_name, k.unique_key FROM astrid.unique_key k JOIN astrid.queue q USING (queue_id) ORDER BY 1, 2;
SELECT payload FROM astrid_claim(ARRAY['bk_two'], 'bk_w', 10);
SELECT count(astrid_complete(job_id, lease_id)) FROM astrid.running;
SELECT pg_temp.counts('bk'), pg_temp.counts('bk_two');
-- the dead when asked for
SELECT pg_temp.kill('bk_two', 1, 'dies');
SELECT pg_temp.told(astrid_move_jobs('bk_two', 'bk', '{"state": "dead"}'));
SELECT queue_name, payload, error, jsonb_array_length(attempts) AS attempts FROM astrid.dead_letters WHERE queue_name LIKE 'bk%';
SELECT astrid_redrive('bk');

-- from a queue with limited groups: a parked job goes on, a place in the old group is given back
SELECT astrid_create_queue('bk_group', ordered => true);
SELECT count(astrid_enqueue('bk_group', to_jsonb(n), group_key => 'g')) FROM generate_series(1, 3) n;
SELECT astrid_snooze(job_id, lease_id, '1 day') FROM astrid_claim(ARRAY['bk_group'], 'bk_w');
SELECT count(*) FROM astrid_claim(ARRAY['bk_group'], 'bk_w', 5);
SELECT payload, state FROM astrid.job_status WHERE queue_name = 'bk_group' ORDER BY 1;
SELECT pg_temp.told(astrid_move_jobs('bk_group', 'bk_two', '{"payload": 2}'));
SELECT pg_temp.told(astrid_move_jobs('bk_group', 'bk_two', '{"payload": 1}'));
SELECT payload FROM astrid_claim(ARRAY['bk_group'], 'bk_w', 5);
SELECT payload, queue_name, state FROM astrid.job_status WHERE queue_name IN ('bk_group', 'bk_two') AND payload IN ('1', '2', '3') AND finished_at IS NULL ORDER BY 1;
SELECT count(*) AS places FROM astrid.group_slot g JOIN astrid.queue q USING (queue_id) WHERE q.queue_name LIKE 'bk%';
SELECT astrid_drop_queue('bk_group');

-- a rate: so many per second by the clock, whatever happens to the jobs meanwhile
SELECT astrid_clear_queue('bk') > 0 AS cleared, astrid_clear_queue('bk_two') > 0 AS cleared;
SELECT count(*) FROM astrid_enqueue_batch('bk', ARRAY['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']::jsonb[]);
SELECT pg_temp.told(astrid_cancel_jobs('{"queue": "bk"}', rate => 4, max_jobs => 9));
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT state, matched, done, skipped, remaining FROM astrid.bulk_status WHERE rate = 4;
SELECT count(*) FROM astrid_claim(ARRAY['bk'], 'bk_w');
SELECT astrid_complete(job_id, lease_id) FROM astrid.running;
SET astrid.test_clock = '2029-03-01 01:00:00.9+00';
SELECT astrid_maintain() ->> 'bulk' AS bulk;
-- an hour without maintenance is not caught up on
SET astrid.test_clock = '2029-03-01 02:00:00+00';
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT kind, state, matched, done, skipped, remaining, filter, created_by = session_user AS mine FROM astrid.bulk_status WHERE rate = 4;
SET astrid.test_clock = '2029-03-01 02:00:01+00';
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT state, matched, done, skipped, remaining, finished_at FROM astrid.bulk_status WHERE rate = 4;
SELECT pg_temp.counts('bk');

-- cancelled on the way; one that cannot go on fails and says why
SELECT astrid_clear_queue('bk');
SELECT count(*) FROM astrid_enqueue_batch('bk', ARRAY['1', '2', '3']::jsonb[]);
SELECT astrid_delete_jobs('{"queue": "bk", "state": "ready"}', rate => 1) ->> 'bulk_id' AS bulk \gset
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT astrid_cancel_bulk(:bulk);
SELECT state, done, remaining FROM astrid.bulk_status WHERE bulk_id = :bulk;
DO $$ BEGIN PERFORM astrid_cancel_bulk(bulk_id) FROM astrid.bulk_status WHERE state = 'cancelled';
EXCEPTION WHEN OTHERS THEN RAISE WARNING '%: %', SQLSTATE, regexp_replace(SQLERRM, '\d+', 'N'); END $$;
SELECT astrid_cancel_bulk(-1);
SELECT astrid_move_jobs('bk', 'bk_two', rate => 1) ->> 'state' AS state;
SELECT astrid_drain_queue('bk_two');
SELECT astrid_maintain() ->> 'bulk' AS bulk;
SELECT state, done, error FROM astrid.bulk_status WHERE kind = 'move' AND rate = 1;
SELECT count(*) AS left FROM astrid.bulk_job;
SELECT astrid_move_jobs('bk', 'bk_two');
SELECT pg_temp.counts('bk');

-- forgotten after a month
SELECT count(*) > 5 AS on_record FROM astrid.bulk_status;
SET astrid.test_clock = '2029-04-10 02:00:01+00';
SELECT astrid_maintain() ? 'bulk' AS passed;
SELECT count(*) AS on_record FROM astrid.bulk_status;

SELECT astrid_drop_queue('bk'), astrid_drop_queue('bk_two');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
