-- Unique keys: held by a live job, from enqueue to its final state.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('un', max_attempts => 1);
SELECT astrid_create_queue('un_other');

SELECT astrid_enqueue('un', '{"n": 1}', unique_key => 'k') AS job \gset
SELECT astrid_enqueue('un', '{"n": 2}', unique_key => 'k') = :job AS same;
SELECT astrid_enqueue('un', '{"n": 3}', unique_key => 'K') <> :job AS another_key;
SELECT astrid_enqueue('un_other', '{"n": 4}', unique_key => 'k') <> :job AS another_queue;
SELECT count(DISTINCT id), bool_and(id = :job) AS same
  FROM astrid_enqueue_batch('un', ARRAY['{}', '{}']::jsonb[], unique_key => 'k') id;
SELECT count(*), count(DISTINCT id) FROM (SELECT astrid_enqueue('un', '{}', unique_key => 'new') AS id FROM generate_series(1, 3)) x;
SELECT payload, unique_key FROM astrid.job_status WHERE queue_name LIKE 'un%' ORDER BY job_id;

-- running still holds it; completed does not
SELECT job_id, lease_id FROM astrid_claim(ARRAY['un'], 'w') \gset
SELECT astrid_enqueue('un', '{"n": 5}', unique_key => 'k') = :job AS same;
SELECT astrid_complete(:job_id, :lease_id);
SELECT astrid_enqueue('un', '{"n": 6}', unique_key => 'k', priority => -1) <> :job AS free;

-- dead does not hold it either: redrive leaves a job whose key is taken, retry says so
SELECT job_id, lease_id FROM astrid_claim(ARRAY['un'], 'w') \gset
SELECT astrid_fail(:job_id, :lease_id, 'e');
SELECT astrid_enqueue('un', '{"n": 7}', unique_key => 'k') <> :job_id AS free;
SELECT astrid_redrive('un');
\set VERBOSITY sqlstate
SELECT astrid_retry(:job_id);
\set VERBOSITY default
SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE payload = '{"n": 7}';
SELECT astrid_redrive('un');
SELECT astrid_enqueue('un', '{"n": 8}', unique_key => 'k') = :job_id AS held_again;

-- rolled back with the transaction
BEGIN;
SELECT astrid_enqueue('un', '{}', unique_key => 'r') > 0 AS enqueued;
ROLLBACK;
SELECT count(*) FROM astrid.unique_key WHERE unique_key = 'r';

SELECT astrid_drop_queue(queue_name) FROM astrid.queue_status WHERE queue_name LIKE 'un%';
SELECT count(*) FROM astrid.unique_key;
SELECT astrid_maintain() ->> 'swept' AS swept;

-- the modes: what a job that is not running becomes
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SET timezone = 'UTC';
SELECT astrid_create_queue('um', max_attempts => 3, backoff_base => '10 s');
CREATE VIEW um AS
    SELECT payload, state, priority AS prio, run_at, enqueued_at, attempt, tags, crashes FROM astrid.job_status
     WHERE queue_name = 'um' ORDER BY job_id;
SELECT astrid_enqueue('um', '1', unique_key => 'k', tags => '{a}') AS job \gset
SELECT astrid_enqueue('um', '"other"') > :job AS other;
SELECT astrid_enqueue('um', '2', unique_key => 'k', unique_mode => 'ignore') = :job AS same;
SET astrid.test_clock = '2030-01-01 00:01:00+00';
SELECT astrid_enqueue('um', '3', unique_key => 'k', unique_mode => 'replace_keep_time', tags => '{b}') = :job AS same;
TABLE um;
-- kept its place, then goes to the end
SELECT payload FROM astrid.job_status NATURAL JOIN (SELECT job_id, position FROM astrid.ready) r WHERE queue_name = 'um' ORDER BY position;
SELECT astrid_enqueue('um', '4', unique_key => 'k', unique_mode => 'replace') = :job AS same;
SELECT payload FROM astrid.job_status NATURAL JOIN (SELECT job_id, position FROM astrid.ready) r WHERE queue_name = 'um' ORDER BY position;
SELECT astrid_enqueue('um', '5', unique_key => 'k', unique_mode => 'replace', priority => -1, run_at => '2030-01-01 00:05:00+00') = :job AS same;
TABLE um;
SELECT astrid_enqueue('um', '6', unique_key => 'k', unique_mode => 'replace_keep_time') = :job AS same;
TABLE um;

-- a retry that waits is replaced as well, with new attempts
SELECT astrid_enqueue('um', '7', unique_key => 'k', unique_mode => 'replace', priority => -2) = :job AS same;
SELECT astrid_fail(job_id, lease_id, 'e', retry_in => '10 s', info => '{"cause": "crash"}') FROM astrid_claim(ARRAY['um'], 'w');
TABLE um;
SELECT astrid_enqueue('um', '8', unique_key => 'k', unique_mode => 'replace', priority => -2) = :job AS same;
TABLE um;

-- a running job is not replaced: the new one waits for its end, and is the one that is replaced meanwhile
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SELECT astrid_enqueue('um', '9', unique_key => 'k') = :job AS running_job;
SELECT astrid_enqueue('um', '10', unique_key => 'k', unique_mode => 'replace') AS next \gset
SELECT astrid_enqueue('um', '11', unique_key => 'k', unique_mode => 'replace', priority => -3) = :next AS same;
TABLE um;
SELECT regexp_replace(astrid_why(:next), '(job |retry\()\d+', '\1N', 'g') AS why;
SELECT astrid_cancel(:next);
SELECT astrid_enqueue('um', '12', unique_key => 'k', unique_mode => 'replace', priority => -3) AS next \gset
SELECT astrid_snooze(:job_id, :lease_id, '0');
SELECT astrid_enqueue('um', '13', unique_key => 'k', unique_mode => 'replace', priority => -3) = :next AS still_next;
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SELECT astrid_complete(:job_id, :lease_id), :job_id = :job AS same;
TABLE um;
SELECT astrid_enqueue('um', '14', unique_key => 'k') = :next AS has_the_key;
-- the same at a death, and where the next one waits for its time
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SELECT astrid_enqueue('um', '15', unique_key => 'k', unique_mode => 'replace', run_at => '2030-01-01 01:00:00+00') AS next \gset
SELECT astrid_fail(:job_id, :lease_id, 'dead', retryable => false);
TABLE um;
\set VERBOSITY sqlstate
SELECT astrid_retry(:job_id);
\set VERBOSITY default
SELECT astrid_cancel(:next);
SELECT count(*) FROM astrid.unique_key;
SELECT astrid_clear_queue('um', '{ready, dead, completed, cancelled}');

-- debounce: each call puts it off, up to the longest wait after the first
SELECT astrid_enqueue('um', '1', unique_key => 'd', unique_mode => 'debounce', unique_max_wait => '25 s', run_at => astrid.clock() + interval '10 s') AS job \gset
SET astrid.test_clock = '2030-01-01 00:01:08+00';
SELECT astrid_enqueue('um', '2', unique_key => 'd', unique_mode => 'debounce', unique_max_wait => '25 s', run_at => astrid.clock() + interval '10 s') = :job AS same;
TABLE um;
SET astrid.test_clock = '2030-01-01 00:01:17+00';
SELECT astrid_enqueue('um', '3', unique_key => 'd', unique_mode => 'debounce', unique_max_wait => '25 s', run_at => astrid.clock() + interval '10 s') = :job AS same;
TABLE um;
SET astrid.test_clock = '2030-01-01 00:01:26+00';
SELECT astrid_enqueue('um', '4', unique_key => 'd', unique_mode => 'debounce', unique_max_wait => '25 s', run_at => astrid.clock() + interval '10 s') = :job AS same;
TABLE um;
SELECT payload FROM astrid_claim(ARRAY['um'], 'w');
SELECT astrid_drop_queue('um');
SELECT astrid_create_queue('um', max_attempts => 1);

-- batches: keys of their own, the same key twice, payload order
SELECT array_agg(id - first) AS ids, count(DISTINCT id) FROM
    (SELECT id, min(id) OVER () AS first FROM astrid_enqueue_batch('um', ARRAY['1', '2', '3', '4', '5']::jsonb[], unique_keys => ARRAY['b', 'a', 'b', NULL, 'c']) id) x;
TABLE um;
SELECT count(DISTINCT id) FROM astrid_enqueue_batch('um', ARRAY['6', '7', '8', '9']::jsonb[], unique_keys => ARRAY['b', 'd', 'b', 'd'], unique_mode => 'replace') id;
SELECT payload, unique_key FROM astrid.job_status NATURAL JOIN (SELECT job_id, position FROM astrid.ready) r WHERE queue_name = 'um' ORDER BY position;
-- free keys first, then one that is taken, then free ones again
SELECT count(DISTINCT id), bool_or(id = (SELECT job_id FROM astrid.unique_key WHERE unique_key = 'b')) AS told
  FROM astrid_enqueue_batch('um', ARRAY['1', '2', '3', '4']::jsonb[], unique_keys => ARRAY['z', 'aa', 'b', 'ab']) id;
SELECT string_agg(unique_key, ' ' ORDER BY unique_key) FROM astrid.unique_key;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['um'], 'w', 10);
SELECT count(*) FROM astrid.unique_key;

-- groups: a job that is replaced leaves its place in its group
SELECT astrid_alter_queue('um', ordered => true, max_attempts => 2);
SELECT count(*) FROM astrid_enqueue_batch('um', ARRAY['1', '2', '3']::jsonb[], group_key => 'g', unique_keys => ARRAY['g1', 'g2', 'g3']);
SELECT payload FROM astrid_claim(ARRAY['um'], 'w', 10);
SELECT payload, state FROM um WHERE state <> 'completed';
SELECT astrid_enqueue('um', '20', group_key => 'g', unique_key => 'g2', unique_mode => 'replace_keep_time') > 0 AS parked_on;
SELECT astrid_enqueue('um', '30', group_key => 'h', unique_key => 'g3', unique_mode => 'replace') > 0 AS other_group;
SELECT payload, state FROM um WHERE state <> 'completed';
SELECT astrid_fail(job_id, lease_id, 'e', retry_in => '1 h') FROM astrid.job_status WHERE queue_name = 'um' AND state = 'running';
SELECT payload FROM astrid_claim(ARRAY['um'], 'w', 10);
SELECT astrid_enqueue('um', '10', group_key => 'h', unique_key => 'g1', unique_mode => 'replace') > 0 AS leaves;
SELECT payload FROM astrid_claim(ARRAY['um'], 'w', 10);
SELECT astrid_drop_queue('um');
SELECT count(*) FROM astrid.group_slot;

-- windows: the key stays taken after the end of its job
SELECT astrid_create_queue('um', max_attempts => 1);
SELECT astrid_enqueue('um', '1', unique_key => 'w', unique_window => '1 min') AS job \gset
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['um'], 'w');
SELECT astrid_enqueue('um', '2', unique_key => 'w') = :job AS same,
       astrid_enqueue('um', '2', unique_key => 'w', unique_mode => 'replace') = :job AS same_too;
SELECT astrid_why(:job);
SELECT astrid_maintain() ->> 'swept' AS swept;
SELECT count(*) FROM astrid.unique_key;
SET astrid.test_clock = '2030-01-01 00:03:00+00';
SELECT astrid_enqueue('um', '3', unique_key => 'w', unique_window => '1 min') AS next, astrid_why(:job) \gset
SELECT :next <> :job AS another;
-- maintenance frees what nobody asks for; a window that is over does not free the key of a live job
SELECT astrid_maintain() ->> 'swept' AS swept;
SELECT count(*) FROM astrid.unique_key;
SELECT count(*) AS windows FROM astrid.unique_window;
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SET astrid.test_clock = '2030-01-01 00:03:30+00';
SELECT astrid_fail(:job_id, :lease_id, 'e');
-- a dead job in its window may be retried: the key is its own
SELECT astrid_retry(:job_id);
SELECT finished, held_until FROM astrid.unique_key;
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SELECT astrid_fail(:job_id, :lease_id, 'e');
SET astrid.test_clock = '2030-01-01 00:05:00+00';
SELECT astrid_maintain() ->> 'swept' AS swept;
SELECT count(*) FROM astrid.unique_key;
SELECT count(*) AS windows FROM astrid.unique_window;

-- deleted without a trace: the window goes too, and who waits for the key goes on
SELECT astrid_enqueue('um', '4', unique_key => 'c', unique_window => '1 h') > 0 AS enqueued;
SELECT astrid_fail(job_id, lease_id, 'e', retry_in => '1 s') FROM astrid_claim(ARRAY['um'], 'w');
SELECT astrid_retry(job_id) FROM astrid.job_status WHERE queue_name = 'um' AND payload = '4';
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SELECT astrid_enqueue('um', '5', unique_key => 'c', unique_mode => 'replace') > :job_id AS next;
SELECT astrid_snooze(:job_id, :lease_id, '1 h');
SELECT astrid_clear_queue('um', '{scheduled}');
SELECT payload, state FROM um WHERE payload IN ('4', '5');
SELECT job_id, lease_id FROM astrid_claim(ARRAY['um'], 'w') \gset
SELECT astrid_enqueue('um', '6', unique_key => 'c', unique_mode => 'replace') > :job_id AS next;
SELECT astrid_clear_queue('um', '{blocked}');
SELECT job_id = :job_id AS holds, next_id FROM astrid.unique_key;
SELECT astrid_complete(:job_id, :lease_id);
SELECT finished FROM astrid.unique_key;
SELECT astrid_drop_queue('um');
SELECT astrid_create_queue('um');

-- keys are found by a number; two that have the same one are two
SELECT count(DISTINCT id) FROM astrid_enqueue_batch('um', '{1,2}', unique_keys => ARRAY['field 42 of night 3, run', 'fa18tctot92w}|h,!dx+L7_^']) id;
SELECT count(DISTINCT key_hash), count(*) FROM astrid.unique_key;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['um'], 'w');
SELECT unique_key FROM astrid.unique_key;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['um'], 'w');

-- many new keys are written together, in a subtransaction; not where one is taken or there twice, nor at once after that
CREATE FUNCTION many(first int, last int, mode text DEFAULT 'ignore', again text[] DEFAULT '{}') RETURNS TABLE (jobs bigint, writers bigint, own boolean) LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(DISTINCT id) INTO jobs FROM astrid_enqueue_batch('um', array_fill(to_jsonb(first), ARRAY[last - first + 1 + cardinality(again)]),
        unique_mode => mode, unique_keys => (SELECT array_agg('k' || i ORDER BY i) FROM generate_series(first, last) i) || again) id;
    SELECT count(DISTINCT xmin::text), bool_or(xmin = pg_current_xact_id()::xid) INTO writers, own FROM astrid.unique_key;
    RETURN NEXT;
END
$$;
BEGIN;
SELECT * FROM many(1, 12);
ROLLBACK;
SELECT count(*) FROM astrid.unique_key;
SELECT * FROM many(1, 12);
SELECT * FROM many(10, 21, 'replace');
SELECT * FROM many(22, 41);
SELECT * FROM many(42, 61);
SELECT * FROM many(81, 92, again => '{k81}');
SELECT payload, count(*), count(DISTINCT unique_key) FROM astrid.job_status WHERE queue_name = 'um' AND state = 'ready' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM astrid.unique_key;
DO $$ BEGIN PERFORM many(62, 80); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT bool_and(astrid_complete(job_id, lease_id)) FROM astrid_claim(ARRAY['um'], 'w', 100);
SELECT count(*) FROM astrid.unique_key;
DROP FUNCTION many;

-- what does not go together
SELECT astrid_enqueue('um', '1', unique_mode => 'replace');
SELECT astrid_enqueue('um', '1', unique_key => 'k', unique_mode => 'overwrite');
SELECT astrid_enqueue('um', '1', unique_key => 'k', unique_mode => 'debounce');
SELECT astrid_enqueue('um', '1', unique_key => 'k', unique_mode => 'replace', unique_max_wait => '1 s');
SELECT astrid_enqueue('um', '1', unique_key => 'k', unique_mode => 'replace', depends_on => '{1}');
SELECT astrid_enqueue('um', '1', unique_key => 'k', unique_window => '0');

DROP VIEW um;
SELECT astrid_drop_queue('um');
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
