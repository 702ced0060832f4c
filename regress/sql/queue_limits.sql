-- Limits of queues, groups and producers; order by age and by turns. The clock is set: nothing sleeps.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 12:00:00+00';
CREATE FUNCTION pg_temp.jobs(queue text, n int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(payload ->> 'n', ' ') FROM astrid_claim(ARRAY[queue], 'w', n) $$;
CREATE FUNCTION pg_temp.finish(queue text, n int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(astrid_complete(job_id, lease_id)::text, ' ') FROM (SELECT job_id, lease_id FROM astrid.job_status
     WHERE queue_name = queue AND state = 'running' ORDER BY job_id LIMIT n) j $$;
CREATE FUNCTION pg_temp.add(queue text, first int, last int, group_key text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM astrid_enqueue_batch(queue, ARRAY(SELECT jsonb_build_object('n', i) FROM generate_series(first, last) i),
                                              group_key => group_key) $$;

-- Concurrency: units are free plus running, whatever happens to jobs.
CREATE VIEW pg_temp.units AS
SELECT q.queue_name, (SELECT coalesce(sum(units), 0) FROM astrid.token t WHERE t.queue_id = q.queue_id AND lane = 0) AS free,
       (SELECT coalesce(sum(units), 0) FROM astrid.token t WHERE t.queue_id = q.queue_id AND lane = 3) AS debt,
       (SELECT count(*) FROM astrid.running r WHERE r.queue_id = q.queue_id) AS running
  FROM astrid.queue q;
SELECT astrid_create_queue('three', concurrency => 3, max_attempts => 2);
SELECT pg_temp.add('three', 1, 20, NULL);
SELECT pg_temp.jobs('three', 2), pg_temp.jobs('three', 2), pg_temp.jobs('three', 2);
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
SELECT pg_temp.finish('three', 1);
SELECT pg_temp.jobs('three', 5);
SELECT astrid_fail(job_id, lease_id, 'x', retry_in => '1 h') FROM astrid.running ORDER BY job_id LIMIT 1;
SELECT astrid_snooze(job_id, lease_id, '1 h') FROM astrid.running ORDER BY job_id LIMIT 1;
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
BEGIN;
SELECT pg_temp.jobs('three', 5);
ROLLBACK;
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
-- lowered below what runs, then raised, then removed
SELECT pg_temp.jobs('three', 2);
SELECT astrid_alter_queue('three', concurrency => 1);
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
SELECT pg_temp.finish('three', 2), pg_temp.jobs('three', 5);
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
SELECT pg_temp.finish('three', 1), pg_temp.jobs('three', 5);
SELECT astrid_alter_queue('three', concurrency => 100);
SELECT pg_temp.jobs('three', 5);
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
SELECT astrid_alter_queue('three', concurrency => 0);
SELECT * FROM pg_temp.units WHERE queue_name = 'three';
-- an expired lease gives its unit back
SELECT astrid_alter_queue('three', concurrency => 6);
SET astrid.test_clock = '2030-01-01 12:02:00+00';
SELECT astrid_reap();
SELECT free, running FROM pg_temp.units WHERE queue_name = 'three';
SELECT astrid_drop_queue('three');
SELECT count(*) FROM astrid.token;

-- Rate: no more starts in any interval, tokens of an aborted claim come back.
SELECT astrid_create_queue('rate', rate_limit => 4, rate_interval => '10 s');
SELECT pg_temp.add('rate', 1, 20, NULL);
BEGIN;
SELECT pg_temp.jobs('rate', 9);
ROLLBACK;
SELECT pg_temp.jobs('rate', 3);
SET astrid.test_clock = '2030-01-01 12:02:05+00';
SELECT pg_temp.jobs('rate', 3), pg_temp.jobs('rate', 3);
SET astrid.test_clock = '2030-01-01 12:02:09.999+00';
SELECT pg_temp.jobs('rate', 3);
SET astrid.test_clock = '2030-01-01 12:02:10+00';
SELECT pg_temp.jobs('rate', 9);
SET astrid.test_clock = '2030-01-01 12:02:15+00';
SELECT pg_temp.jobs('rate', 9);
SELECT sum(units) FROM astrid.token WHERE queue_id = (SELECT queue_id FROM astrid.queue WHERE queue_name = 'rate');
SELECT astrid_drop_queue('rate');

-- Both at once
SELECT astrid_create_queue('both', rate_limit => 3, rate_interval => '1 min', concurrency => 2);
SELECT pg_temp.add('both', 1, 9, NULL);
SELECT pg_temp.jobs('both', 9);
SELECT pg_temp.finish('both', 2), pg_temp.jobs('both', 9);
SELECT lane, sum(units) FROM astrid.token GROUP BY lane ORDER BY lane;
SELECT astrid_drop_queue('both');

-- Groups: each has its own limit; jobs without a group have none.
SELECT astrid_create_queue('groups', group_concurrency => 2);
SELECT pg_temp.add('groups', 1, 5, 'a'), pg_temp.add('groups', 6, 8, 'b'), pg_temp.add('groups', 9, 10, NULL);
SELECT pg_temp.jobs('groups', 99);
SELECT payload ->> 'n' AS n, state, group_key FROM astrid.job_status WHERE queue_name = 'groups' AND state <> 'running' ORDER BY job_id;
SELECT pg_temp.finish('groups', 1), pg_temp.jobs('groups', 99);
SELECT astrid_fail(job_id, lease_id, 'x', retryable => false) FROM astrid.running WHERE group_key = 'a' ORDER BY job_id LIMIT 1;
SELECT pg_temp.jobs('groups', 99);
-- the parked one can be cancelled; nobody waits for it
SELECT astrid_cancel(job_id) FROM astrid.waiting WHERE parked AND group_key = 'a' ORDER BY job_id LIMIT 1;
SELECT astrid_cancel(job_id) FROM astrid.waiting WHERE parked AND group_key = 'b' ORDER BY job_id LIMIT 1;
SELECT pg_temp.finish('groups', 99), pg_temp.jobs('groups', 99);
SELECT group_key, count(*) FROM astrid.group_slot GROUP BY group_key ORDER BY 1;
SELECT pg_temp.finish('groups', 99);
SELECT count(*) FROM astrid.group_slot;
-- a batch of one group ends at once: as many go on as there are places
SELECT pg_temp.add('groups', 31, 36, 'e');
SELECT pg_temp.jobs('groups', 99);
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid.running WHERE group_key = 'e';
SELECT pg_temp.jobs('groups', 99), (SELECT count(*) FROM astrid.group_slot);
SELECT astrid_cancel(job_id) FROM astrid.waiting WHERE parked;
SELECT pg_temp.finish('groups', 99);
-- the limit goes: parked jobs are ready
SELECT pg_temp.add('groups', 21, 25, 'c');
SELECT pg_temp.jobs('groups', 99);
SELECT astrid_alter_queue('groups', group_concurrency => 0);
SELECT pg_temp.jobs('groups', 99);
SELECT astrid_drop_queue('groups');

-- Ordered: one at a time, in order, through retries.
SELECT astrid_create_queue('ordered', ordered => true, max_attempts => 2);
SELECT pg_temp.add('ordered', 1, 4, 'a'), pg_temp.add('ordered', 11, 12, 'b');
SELECT pg_temp.jobs('ordered', 99);
SELECT astrid_fail(job_id, lease_id, 'x', retry_in => '10 s') FROM astrid.running WHERE group_key = 'a';
SELECT pg_temp.jobs('ordered', 99) AS nothing_overtakes;
SET astrid.test_clock = '2030-01-01 12:03:00+00';
SELECT astrid_maintain() -> 'promoted';
SELECT pg_temp.jobs('ordered', 99);
SELECT astrid_fail(job_id, lease_id, 'x') FROM astrid.running WHERE group_key = 'a';
SELECT pg_temp.jobs('ordered', 99) AS dead_is_skipped;
SELECT astrid_alter_queue('ordered', dead_blocks => true);
SELECT astrid_fail(job_id, lease_id, 'x', retryable => false) FROM astrid.running WHERE group_key = 'a';
SELECT pg_temp.jobs('ordered', 99) AS dead_blocks;
SELECT astrid_redrive('ordered');
SELECT pg_temp.jobs('ordered', 99);
SELECT pg_temp.finish('ordered', 1), pg_temp.jobs('ordered', 99);
SELECT pg_temp.finish('ordered', 9), pg_temp.jobs('ordered', 99);
SELECT pg_temp.finish('ordered', 9), pg_temp.jobs('ordered', 99);
SELECT pg_temp.finish('ordered', 9), pg_temp.jobs('ordered', 99);
SELECT count(*) FROM astrid.group_slot;
SELECT astrid_drop_queue('ordered');

-- Other settings leave the order alone; the head keeps its place while it backs off; a dead head is let go.
SELECT astrid_create_queue('ordered', ordered => true);
SELECT pg_temp.add('ordered', 1, 4, 'a');
SELECT pg_temp.jobs('ordered', 99);
SELECT astrid_fail(job_id, lease_id, 'x', retry_in => '1 h') FROM astrid.running WHERE group_key = 'a';
SELECT astrid_alter_queue('ordered', group_rate_limit => 1000), astrid_alter_queue('ordered', dead_blocks => true);
SELECT pg_temp.jobs('ordered', 99) AS nothing_overtakes;
SELECT astrid_retry(job_id) FROM astrid.job_status WHERE queue_name = 'ordered' AND payload ->> 'n' = '1';
SELECT pg_temp.jobs('ordered', 99);
SELECT astrid_fail(job_id, lease_id, 'x', retryable => false) FROM astrid.running WHERE group_key = 'a';
SELECT pg_temp.jobs('ordered', 99) AS dead_blocks;
SELECT astrid_alter_queue('ordered', dead_blocks => false);
SELECT pg_temp.jobs('ordered', 99);
-- one by one, in their order, when two places become one
SELECT astrid_alter_queue('ordered', ordered => false, group_concurrency => 2);
SELECT pg_temp.jobs('ordered', 99);
SELECT astrid_alter_queue('ordered', ordered => true);
SELECT pg_temp.finish('ordered', 9), pg_temp.jobs('ordered', 99);
SELECT astrid_drop_queue('ordered');
-- not with an old snapshot
SELECT astrid_create_queue('old', concurrency => 3);
SELECT pg_temp.add('old', 1, 1, NULL), pg_temp.jobs('old', 1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT astrid_alter_queue('old', concurrency => 2);
ROLLBACK;
-- the rate that is used up takes no unit of the concurrency
SELECT astrid_alter_queue('old', rate_limit => 1, rate_interval => '1 h');
SELECT pg_temp.add('old', 2, 5, NULL), pg_temp.jobs('old', 1);
CREATE TEMP TABLE before AS SELECT position FROM astrid.token ORDER BY 1;
SELECT pg_temp.jobs('old', 9);
SELECT array(SELECT position FROM before) = array(SELECT position FROM astrid.token ORDER BY 1) AS untouched;
SELECT astrid_drop_queue('old');

-- A group's rate: what comes too early gets its time.
SELECT astrid_create_queue('grate', group_rate_limit => 2, group_rate_interval => '10 s');
SELECT pg_temp.add('grate', 1, 5, 'a'), pg_temp.add('grate', 6, 6, 'b');
SELECT pg_temp.jobs('grate', 99);
SELECT payload ->> 'n' AS n, state, run_at - astrid.clock() AS due_in FROM astrid.job_status
 WHERE queue_name = 'grate' AND state <> 'running' ORDER BY job_id;
SET astrid.test_clock = '2030-01-01 12:03:10+00';
SELECT astrid_maintain() -> 'promoted';
SELECT pg_temp.jobs('grate', 99);
SELECT astrid_drop_queue('grate');
-- who waited for the rate is not overtaken by one that came later
SELECT astrid_create_queue('gorder', ordered => true, group_rate_limit => 1, group_rate_interval => '10 s');
SELECT pg_temp.add('gorder', 1, 2, 'a');
SELECT pg_temp.jobs('gorder', 99), pg_temp.finish('gorder', 9);
SELECT pg_temp.add('gorder', 3, 3, 'a');
SET astrid.test_clock = '2030-01-01 12:03:40+00';
SELECT astrid_maintain() -> 'promoted';
SELECT pg_temp.jobs('gorder', 99);
SELECT pg_temp.finish('gorder', 9), pg_temp.jobs('gorder', 99);
SELECT astrid_drop_queue('gorder');
SET astrid.test_clock = '2030-01-01 12:03:10+00';

-- Producers
SELECT astrid_create_queue('prod', producer_rate_limit => 2, producer_rate_interval => '10 s');
SELECT astrid_enqueue('prod', '{}') IS NOT NULL, astrid_enqueue('prod', '{}') IS NOT NULL;
SELECT astrid_enqueue('prod', '{}');
SET astrid.test_clock = '2030-01-01 12:03:15+00';
SELECT astrid_enqueue('prod', '{}') IS NOT NULL;
SELECT astrid_enqueue('prod', '{}');
SET astrid.test_clock = '2030-01-01 12:04:00+00';
SELECT count(*) FROM astrid_enqueue_batch('prod', '{"{}","{}","{}"}');
SELECT count(*) FROM astrid_enqueue_batch('prod', '{"{}","{}"}');
SELECT astrid_alter_queue('prod', producer_rate_per => 'group');
SELECT astrid_enqueue('prod', '{}', group_key => 'x') IS NOT NULL, astrid_enqueue('prod', '{}', group_key => 'x') IS NOT NULL;
SELECT astrid_enqueue('prod', '{}', group_key => 'x');
SELECT astrid_enqueue('prod', '{}', group_key => 'y') IS NOT NULL;
-- a batch asks each of its groups once, for all jobs of it, and has few locks
BEGIN;
SELECT count(*) FROM astrid_enqueue_batch('prod', ARRAY(SELECT '{}'::jsonb FROM generate_series(1, 10000)),
                                          group_keys => ARRAY(SELECT 'g' || i % 5000 FROM generate_series(1, 10000) i));
SELECT count(*) <= 1024 AS few_locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
COMMIT;
SELECT count(*) FROM astrid_enqueue_batch('prod', '{"{}","{}","{}"}', group_keys => '{u,v,u}');
SELECT count(*) FROM astrid_enqueue_batch('prod', '{"{}","{}","{}"}', group_keys => '{z,NULL,z}');
SELECT count(*) FROM astrid_enqueue_batch('prod', '{"{}","{}","{}","{}"}', group_keys => '{v,w,w,w}');
SET astrid.test_clock = '2030-01-01 12:06:00+00';
SELECT astrid_maintain() ? 'swept';
SELECT count(*) FROM astrid.bucket;
SELECT astrid_drop_queue('prod');

-- Ageing: a step of priority for each minute of waiting.
SELECT astrid_create_queue('ageing', ageing => '1 min');
SELECT astrid_enqueue('ageing', '{"n": "low"}', priority => 5) > 0;
SET astrid.test_clock = '2030-01-01 12:08:00+00';
SELECT astrid_enqueue('ageing', '{"n": "middle"}', priority => 4) > 0, astrid_enqueue('ageing', '{"n": "high"}', priority => 2) > 0;
SET astrid.test_clock = '2030-01-01 12:12:00+00';
SELECT astrid_enqueue('ageing', '{"n": "late"}') > 0, astrid_enqueue('ageing', '{"n": "urgent"}', priority => -9) > 0;
SELECT pg_temp.jobs('ageing', 99);
SELECT astrid_enqueue('ageing', '{"n": "low"}', priority => 50) > 0, astrid_enqueue('ageing', '{"n": "high"}', priority => 40) > 0;
SELECT astrid_alter_queue('ageing', ageing => '0');
SELECT pg_temp.jobs('ageing', 99);
SELECT astrid_alter_queue('ageing', ageing => '1 min', fair => true);
SELECT astrid_drop_queue('ageing');

-- Fair: groups take turns.
SELECT astrid_create_queue('fair', fair => true);
SELECT pg_temp.add('fair', 1, 6, 'big'), pg_temp.add('fair', 11, 12, 'small');
SELECT pg_temp.jobs('fair', 5);
SELECT pg_temp.add('fair', 21, 23, 'late');
SELECT pg_temp.jobs('fair', 99);
SELECT astrid_drop_queue('fair');

-- A claim asks for more tokens than there are, between looks at groups; a call pays with what it completes.
SELECT astrid_create_queue('two', concurrency => 2, group_concurrency => 1);
SELECT count(*) FROM astrid_enqueue_batch('two', array_fill('{}'::jsonb, '{4}'), group_keys => '{a,b,c,d}');
SELECT count(*) FROM astrid_claim('{two}', 'w', 5);
SELECT astrid_create_queue('one', concurrency => 1);
SELECT count(*) FROM astrid_enqueue_batch('one', '{"{}","{}"}');
SELECT job_id, lease_id FROM astrid_claim('{one}', 'w') \gset
SELECT count(*) FROM astrid_complete_and_claim(ARRAY[:job_id], ARRAY[:lease_id], NULL, '{one}', 'w');
SELECT astrid_drop_queue('two'), astrid_drop_queue('one');

-- Groups are found by a number; two that have the same one are two.
SELECT astrid_create_queue('places', group_concurrency => 1);
\set a 'field 42 of night 3, run'
\set b 'fa18tctot92w}|h,!dx+L7_^'
SELECT astrid._key_hash(1, :'a') = astrid._key_hash(1, :'b') AS same, astrid._key_hash(1, :'a') = astrid._key_hash(2, :'a') AS other_queue;
SELECT count(*) FROM astrid_enqueue_batch('places', array_fill('{}'::jsonb, '{4}'), group_keys => ARRAY[:'a', :'a', :'b', :'b']);
SELECT group_key FROM astrid_claim('{places}', 'w', 9);
SELECT astrid_complete(job_id, lease_id) FROM astrid.job_status WHERE queue_name = 'places' AND state = 'running' AND group_key = :'b';
SELECT group_key FROM astrid_claim('{places}', 'w', 9);
SELECT bool_and(astrid_complete(job_id, lease_id)) FROM astrid.job_status WHERE queue_name = 'places' AND state = 'running';
SELECT group_key FROM astrid_claim('{places}', 'w', 9);
SELECT bool_and(astrid_complete(job_id, lease_id)) FROM astrid.job_status WHERE queue_name = 'places' AND state = 'running';
-- One call leaves several groups: each place goes to the first that waits for it, once.
SELECT count(*) FROM astrid_enqueue_batch('places', array_fill('{}'::jsonb, '{8}'), group_keys => '{a,b,c,d,b,c,c,d}');
SELECT count(*) FROM astrid_claim('{places}', 'w', 9);
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid.job_status WHERE queue_name = 'places' AND state = 'running';
SELECT string_agg(group_key, ' ' ORDER BY group_key) FROM astrid_claim('{places}', 'w', 9);
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid.job_status WHERE queue_name = 'places' AND state = 'running';
SELECT string_agg(group_key, ' ' ORDER BY group_key) FROM astrid_claim('{places}', 'w', 9);
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid.job_status WHERE queue_name = 'places' AND state = 'running';
SELECT count(*) FROM astrid.group_slot;
SELECT astrid_drop_queue('places');
