-- How long things are kept: by queue, in the rings, beyond them, and what is exported on its way out.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2035-01-01 12:00:00+00';
SELECT astrid_create_queue('rt_ring');
SELECT astrid_create_queue('rt_none', retention => '0');
SELECT astrid_create_queue('rt_two', retention => '36 hours');
SELECT astrid_create_queue('rt_long', retention => '20 days', result_retention => '12 days');
SELECT astrid_create_queue('rt_out', retention => '3 days', export => true);
SELECT astrid_create_queue('rt_result', result_retention => '2 days', export => true);
SELECT astrid_create_queue('rt_bad', attempt_retention => '8 days');
SELECT astrid_create_queue('rt_bad', retention => '-1 day');
SELECT astrid_alter_queue('rt_ring', log_retention => '1 month');

-- a day goes by: one job in each queue, then maintenance
CREATE FUNCTION pg_temp.day(n int, work bool DEFAULT true) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    q text;
BEGIN
    PERFORM set_config('astrid.test_clock', (timestamptz '2035-01-01 12:00:00+00' + n * interval '1 day')::text, false);
    IF work THEN
        FOREACH q IN ARRAY ARRAY['rt_ring', 'rt_none', 'rt_two', 'rt_long', 'rt_out', 'rt_result'] LOOP
            PERFORM astrid_enqueue(q, to_jsonb(n));
            PERFORM astrid_log(c.job_id, c.lease_id, 'info', format('%s day %s', q, n)),
                    astrid_complete(c.job_id, c.lease_id, jsonb_build_object('day', n))
               FROM astrid_claim(ARRAY[q], 'rt_w') c;
        END LOOP;
    END IF;
    PERFORM astrid_maintain();
END
$$;
CREATE FUNCTION pg_temp.days(queue text) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(payload::text, ' ' ORDER BY job_id) FROM astrid.job_status WHERE queue_name = queue AND state = 'completed'
$$;
CREATE FUNCTION pg_temp.left_over() RETURNS TABLE (queue text, days text, results text) LANGUAGE sql AS $$
SELECT queue_name, string_agg(payload::text, ' ' ORDER BY job_id), string_agg(payload::text, ' ' ORDER BY job_id) FILTER (WHERE result IS NOT NULL)
  FROM astrid.job_status WHERE queue_name LIKE 'rt%' AND state = 'completed' GROUP BY 1 ORDER BY 1
$$;
SELECT count(pg_temp.day(n)) FROM generate_series(1, 10) n;
SELECT * FROM pg_temp.left_over();
SELECT count(*) AS beyond_the_ring FROM astrid.history_kept;

-- a pass of the same day has nothing more to do; the next day has
SELECT astrid_maintain() ->> 'expired' AS expired;
SELECT count(pg_temp.day(11));
SELECT * FROM pg_temp.left_over();

-- what is beyond the ring is a finished job like others
SELECT astrid_why(job_id) AS why, astrid_job(job_id) ->> 'state' AS state, result FROM astrid.job_status WHERE queue_name = 'rt_long' AND payload = '1';
SELECT astrid_enqueue('rt_ring', '"child"', depends_on => ARRAY(SELECT job_id FROM astrid.job_status WHERE queue_name = 'rt_long' AND payload = '1')) > 0 AS enqueued;
SELECT state FROM astrid.job_status WHERE queue_name = 'rt_ring' AND payload = '"child"';
SELECT astrid_clear_queue('rt_ring');
SELECT astrid_delete_jobs('{"queue": "rt_long", "state": "completed", "payload": 2}') ->> 'done' AS deleted;

-- results go first, then the jobs: both to the second there
SET astrid.test_clock = '2035-01-14 11:59:59+00';
SELECT astrid_maintain() ? 'expired' AS passed;
SELECT days, results FROM pg_temp.left_over() WHERE queue = 'rt_long';
SET astrid.test_clock = '2035-01-14 12:00:00+00';
SELECT astrid_maintain() ? 'expired' AS passed;
SELECT days, results FROM pg_temp.left_over() WHERE queue = 'rt_long';
SELECT count(pg_temp.day(n, false)) FROM generate_series(14, 20) n;
SET astrid.test_clock = '2035-01-22 11:59:59+00';
SELECT astrid_maintain() ? 'expired' AS passed;
SELECT pg_temp.days('rt_long');
SET astrid.test_clock = '2035-01-22 12:00:00+00';
SELECT astrid_maintain() ->> 'expired' AS expired;
SELECT pg_temp.days('rt_long');
-- shortened: what is there goes too
SELECT astrid_alter_queue('rt_long', retention => '15 days');
SELECT astrid_maintain() ->> 'expired' AS expired;
SELECT pg_temp.days('rt_long');

-- exported: each row once, in order, with all that is left of it
SELECT queue_name, rows, oldest, newest FROM astrid.export_status ORDER BY 1;
SELECT kind, "row" -> 'payload' AS day, "row" -> 'result' AS result, "row" ->> 'state' AS state, exported_at
  FROM astrid_take_exported('rt_out', 4) WHERE kind = 'history';
SELECT kind, string_agg(CASE kind WHEN 'log' THEN "row" ->> 'message' ELSE "row" ->> 'payload' END, ' ' ORDER BY export_id) AS days
  FROM astrid_take_exported('rt_out') GROUP BY 1 ORDER BY 1;
SELECT kind, count(*), count(DISTINCT "row" -> 'job_id') AS jobs, string_agg("row" -> 'result' ->> 'day', ' ' ORDER BY export_id) AS results
  FROM astrid_take_exported('rt_result') WHERE kind IN ('history', 'result') GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM astrid.export_status;
SELECT astrid_take_exported(NULL);

-- logs by their own setting
SELECT astrid_alter_queue('rt_ring', log_retention => '1 day');
SELECT count(pg_temp.day(n)) FROM generate_series(30, 33) n;
SELECT string_agg(message, ', ' ORDER BY logged_at, message) FROM astrid.job_log WHERE message ~ '^rt_(ring|none)';

-- longer than the ring by a change of mind, just in time; a setting changed after the walk is obeyed too
SELECT astrid_create_queue('rt_mind', retention => '30 days');
SELECT astrid_enqueue('rt_mind', '"kept"') > 0 AS enqueued;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['rt_mind', 'rt_ring'], 'rt_w');
SELECT count(pg_temp.day(n, false)) FROM generate_series(34, 39) n;
SELECT astrid_alter_queue('rt_ring', retention => '30 days');
SELECT count(pg_temp.day(n, false)) FROM generate_series(40, 44) n;
SELECT pg_temp.days('rt_mind') AS mind, pg_temp.days('rt_ring') AS ring;

-- in slices: a slot of many blocks is walked a few at a time, and not emptied before
SELECT astrid_create_queue('rt_big', retention => '30 days');
SELECT count(*) FROM astrid_enqueue_batch('rt_big', ARRAY(SELECT to_jsonb(repeat('x', 500) || n) FROM generate_series(1, 200) n));
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim(ARRAY['rt_big'], 'rt_w', 200);
SET astrid.test_clock = '2035-02-21 12:00:00+00';
SELECT r ->> 'more' AS more, (r ->> 'rows')::int BETWEEN 1 AND 199 AS some FROM astrid._prune(astrid.clock(), 3) r;
SELECT astrid._rotate() AS emptied;
SELECT count(*) FROM astrid.job_status WHERE queue_name = 'rt_big';
SELECT astrid_alter_queue('rt_big', retention => '40 days');
DO $$ BEGIN WHILE (astrid._prune(astrid.clock(), 5) ->> 'more')::bool LOOP END LOOP; END $$;
SELECT astrid._rotate() >= 1 AS emptied;
SELECT (SELECT count(*) FROM astrid.job_status WHERE queue_name = 'rt_big') AS jobs,
       (SELECT count(*) FROM astrid.history_kept k JOIN astrid.queue q USING (queue_id) WHERE queue_name = 'rt_big') AS kept;
SELECT astrid_drop_queue('rt_big');
DO $$ BEGIN PERFORM astrid_maintain(); END $$;
SELECT count(*) AS of_dropped_queues FROM astrid.history_kept k LEFT JOIN astrid.queue q USING (queue_id) WHERE q.queue_id IS NULL;

-- dead letters: their own time, not while others wait for them; exported with all their attempts
SET astrid.test_clock = '2035-03-01 12:00:00+00';
SELECT astrid_create_queue('rt_dead', max_attempts => 2, backoff_base => '0', dead_retention => '10 days', attempt_retention => '0', export => true);
SELECT astrid_enqueue('rt_dead', '"one"') AS one, astrid_enqueue('rt_dead', '"parent"', priority => 1) AS parent,
       astrid_enqueue('rt_dead', '"blocking"', priority => 2, unique_key => 'k') AS blocking \gset
SELECT astrid_enqueue('rt_dead', '"child"', depends_on => ARRAY[:parent]) > 0 AS enqueued;
CREATE FUNCTION pg_temp.kill(n int, error text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c record;
    state text;
BEGIN
    FOR i IN 1..n LOOP
        SELECT * INTO STRICT c FROM astrid_claim(ARRAY['rt_dead'], 'rt_w' || i);
        state := astrid_fail(c.job_id, c.lease_id, format('%s %s', error, i), info => '{"cause": "timeout"}');
    END LOOP;
    RETURN state;
END
$$;
SELECT pg_temp.kill(6, 'first life');
SELECT a ->> 'attempt' AS attempt, a ->> 'cause' AS cause, a ->> 'error' AS error, a ->> 'worker' AS worker,
       a ->> 'started_at' AS started_at, a ->> 'ended_at' AS ended_at
  FROM astrid.dead_letters, jsonb_array_elements(attempts) a WHERE job_id = :one ORDER BY a ->> 'lease_id';
SET astrid.test_clock = '2035-03-02 12:00:00+00';
DO $$ BEGIN PERFORM astrid_maintain(); END $$;
SELECT kind, count(*) FROM astrid_take_exported('rt_dead') GROUP BY 1 ORDER BY 1;
-- redriven nine days later, when the ring has forgotten: a second life, a third one by hand
SET astrid.test_clock = '2035-03-10 12:00:00+00';
DO $$ BEGIN PERFORM astrid_maintain(); END $$;
SELECT count(*) AS in_the_ring FROM astrid.attempt WHERE job_id = :one;
SELECT astrid_redrive('rt_dead', '{"payload": "one"}');
SELECT jsonb_array_length(astrid_job(:one) -> 'attempts') AS attempts;
SELECT pg_temp.kill(1, 'second life');
SET astrid.test_clock = '2035-03-11 12:00:00+00';
DO $$ BEGIN PERFORM astrid_maintain(); END $$;
SELECT pg_temp.kill(1, 'second life, the next day');
SELECT astrid_retry(:one);
SELECT pg_temp.kill(2, 'third life');
SELECT a ->> 'error' AS error, a ->> 'started_at' AS started_at FROM astrid.dead_letters, jsonb_array_elements(attempts) a WHERE job_id = :one;
-- ten days after its death
SET astrid.test_clock = '2035-03-11 11:59:59+00';
DO $$ BEGIN PERFORM astrid_maintain(); END $$;
SELECT payload FROM astrid.dead_letters WHERE queue_name = 'rt_dead' ORDER BY 1;
SET astrid.test_clock = '2035-03-21 12:00:00+00';
DO $$ BEGIN PERFORM astrid_maintain(); END $$;
SELECT payload FROM astrid.dead_letters WHERE queue_name = 'rt_dead' ORDER BY 1;
SELECT "row" -> 'payload' AS payload, "row" -> 'error' AS error, jsonb_array_length("row" -> 'attempts') AS attempts
  FROM astrid_take_exported('rt_dead') WHERE kind = 'dead' ORDER BY export_id;
SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE queue_name = 'rt_dead' AND state = 'blocked';
SELECT astrid_maintain() ->> 'expired' AS expired;
SELECT count(*) FROM astrid.dead_letters WHERE queue_name = 'rt_dead';

-- a redrive of all keeps them too, and a job that lives for two weeks
SELECT astrid_alter_queue('rt_dead', dead_retention => '0', max_attempts => 3);
SELECT astrid_enqueue('rt_dead', '"all"') AS every \gset
SELECT pg_temp.kill(3, 'first life');
SELECT astrid_redrive('rt_dead');
SELECT job_id, lease_id FROM astrid_claim(ARRAY['rt_dead'], 'rt_w') \gset
SELECT astrid_fail(:job_id, :lease_id, 'long ago', retry_in => '14 days');
SELECT count(pg_temp.day(n, false)) FROM generate_series(80, 95) n;
SELECT count(*) AS in_the_ring FROM astrid.attempt WHERE job_id = :every;
SELECT pg_temp.kill(2, 'at last');
SELECT a ->> 'error' AS error FROM astrid.dead_letters, jsonb_array_elements(attempts) a WHERE job_id = :every;
-- forgotten with the job
SELECT astrid_clear_queue('rt_dead', ARRAY['dead']);
SELECT count(*) FROM astrid.former_attempts;
SELECT count(pg_temp.day(96, false));
SELECT count(*) FROM astrid.former_attempts;

-- a clock set back costs nothing
SELECT count(pg_temp.day(n)) FROM generate_series(101, 108) n;
SELECT * FROM pg_temp.left_over() WHERE queue IN ('rt_none', 'rt_two', 'rt_ring');
SELECT count(pg_temp.day(104, false));
SELECT * FROM pg_temp.left_over() WHERE queue IN ('rt_none', 'rt_two', 'rt_ring');

SELECT count(astrid_drop_queue(queue_name)) FROM astrid.queue_status WHERE queue_name LIKE 'rt%';
SELECT count(pg_temp.day(n, false)) FROM generate_series(110, 122) n;
SELECT count(*) AS rows FROM astrid.history WHERE finished_at > '2035-01-01';
SELECT count(t) > 0 AS taken FROM astrid.export_status s, astrid_take_exported(s.queue_name) t;
SELECT count(*) AS rows FROM astrid.exported;
RESET astrid.test_clock;
SELECT astrid_maintain() ->> 'swept' AS swept;
