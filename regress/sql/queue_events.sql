-- Events: publishing, reading in order, subscriptions, what happens to jobs.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SET astrid.test_clock = '2030-01-01 00:00:00+00';
SELECT astrid_create_queue('ev');
-- until nobody else (autovacuum) has a transaction that is older than what this session wrote
CREATE FUNCTION pg_temp.settle() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    seen xid8 := pg_snapshot_xmax(pg_current_snapshot());
BEGIN
    FOR look IN 1..3000 LOOP
        IF pg_snapshot_xmin(pg_current_snapshot()) >= seen THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE EXCEPTION 'a transaction older than % does not end', seen;
END
$$;

-- patterns as in AMQP
SELECT t AS topic, string_agg(p, ' ' ORDER BY p) FILTER (WHERE astrid._topic_matches(t, p)) AS matched_by
  FROM unnest('{a,a.b,a.b.c,b,a.c.c.b}'::text[]) t, unnest('{#,*,a,a.#,a.*,*.b,#.b,a.#.b,a.*.c,#.#,a.b.#.c,*.#.*,#.c.#}'::text[]) p
 GROUP BY t ORDER BY t;
SELECT astrid._topic_matches(repeat('a.', 100) || 'b', repeat('#.a.', 50) || 'c') AS slow;

-- publish; the view and the reader
SELECT pg_temp.settle();
SELECT astrid_event_cursor() AS begin \gset
SELECT astrid_publish('frame.arrived', '{"uri": "/a.fits"}', 'ccd1') AS e1 \gset
SELECT astrid_publish('frame.broken') AS e2 \gset
SELECT pg_temp.settle();
SELECT event_id = :e1 AS first, topic, key, payload, published_at, settled FROM astrid.event_log WHERE event_id >= :e1 ORDER BY event_id;
SELECT topic, key, payload, published_at FROM astrid_events(:'begin');
SELECT topic FROM astrid_events(:'begin', 'frame.a*');
SELECT topic FROM astrid_events(:'begin', '*.broken');
SELECT cursor FROM astrid_events(:'begin', max_events => 1) \gset
SELECT topic FROM astrid_events(:'cursor');
SELECT topic FROM astrid_events(pattern => 'frame.#');
-- not before the transaction ends, not what it has undone
BEGIN;
SELECT astrid_publish('frame.mine') > :e2 AS later;
SELECT topic, settled FROM astrid.event_log WHERE topic = 'frame.mine';
SELECT topic FROM astrid_events(:'cursor');
ROLLBACK;
SELECT topic FROM astrid_events(:'cursor');

-- what is refused
SELECT astrid_publish(NULL);
SELECT astrid_publish('a..b');
SELECT astrid_publish('a.*');
SELECT astrid_publish('job.ev.completed');
SELECT astrid_publish(repeat('a', 256));
SELECT astrid_publish('big', to_jsonb(repeat('x', 2000000)));
SELECT astrid_subscribe('s', 'a..b', 'ev');
SELECT astrid_subscribe('s s', 'a', 'ev');
SELECT astrid_subscribe('s', 'a', 'none');
SELECT astrid_unsubscribe('s');
SELECT * FROM astrid_events('yesterday');

-- subscriptions: a job for each, in the same transaction
SELECT astrid_create_queue('ev2', payload_schema => '{"type": "string"}', producer_rate_limit => 1);
SELECT astrid_subscribe('all', 'frame.#', 'ev');
SELECT astrid_subscribe('arrived', '*.arrived', 'ev2');
SELECT subscription, pattern, queue_name FROM astrid.subscription_status ORDER BY 1;
BEGIN;
SELECT astrid_publish('frame.arrived', '[1, {"a": null}]', 'ccd1') AS e3 \gset
ROLLBACK;
SELECT count(*) FROM astrid.job_status WHERE queue_name LIKE 'ev%';
SELECT astrid_publish('frame.arrived', '[1, {"a": null}]', 'ccd1') AS e3 \gset
SELECT astrid_publish('frame.other', '"scalar"') AS e4 \gset
SELECT astrid_publish('else') > 0 AS nobody;
SELECT queue_name, payload - 'event_id' AS payload, payload ->> 'event_id' = CASE payload ->> 'topic' WHEN 'frame.arrived' THEN :'e3' ELSE :'e4' END AS id, state
  FROM astrid.job_status WHERE queue_name LIKE 'ev%' ORDER BY queue_name, job_id;
-- replaced, ended, dropped with its queue; a queue that is drained gets nothing
SELECT astrid_subscribe('arrived', 'frame.other', 'ev2');
SELECT astrid_drain_queue('ev2');
SELECT astrid_publish('frame.other') > 0 AS published;
SELECT astrid_drop_queue('ev2');
SELECT astrid_unsubscribe('all');
SELECT astrid_publish('frame.other') > 0 AS published;
SELECT queue_name, count(*) FROM astrid.job_status WHERE queue_name LIKE 'ev%' GROUP BY 1;
SELECT count(*) FROM astrid.subscription;
SELECT astrid_clear_queue('ev');

-- what happens to jobs
SELECT astrid_create_queue('ev.jobs', max_attempts => 2, backoff_base => '0', job_events => true);
SELECT astrid_subscribe('own', 'job.#', 'ev.jobs');
SELECT astrid_subscribe('ends', 'job.#.dead', 'ev');
SELECT pg_temp.settle();
SELECT astrid_event_cursor() AS begin \gset
CREATE FUNCTION pg_temp.told(after text) RETURNS TABLE (topic text, key text, payload jsonb) LANGUAGE sql AS
    $$ SELECT topic, (key = payload ->> 'job_id')::text, payload - 'job_id' FROM astrid_events(after) $$;
SELECT astrid_enqueue('ev.jobs', '1', group_key => 'g') AS j1 \gset
SELECT astrid_enqueue('ev.jobs', '2', depends_on => ARRAY[:j1], depends_failure => 'cancel') AS j2 \gset
SELECT count(*) FROM astrid_enqueue_batch('ev.jobs', '{3,4,5,6}');
SELECT astrid_fail(job_id, lease_id, 'first') FROM astrid_claim('{ev.jobs}', 'w');
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim('{ev.jobs}', 'w', 2);
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim('{ev.jobs}', 'w');
SELECT astrid_cancel(job_id) FROM astrid.job_status WHERE queue_name = 'ev.jobs' AND payload = '6';
SELECT astrid_fail(job_id, lease_id, repeat('second ', 200)) FROM astrid_claim('{ev.jobs}', 'w');
SELECT astrid_enqueue('ev.jobs', '7', depends_on => ARRAY[:j1], depends_failure => 'cancel') > 0 AS cancelled;
SELECT pg_temp.settle();
SELECT topic, key, CASE WHEN length(payload ->> 'error') > 60 THEN payload - 'error' ELSE payload - 'error' || jsonb_build_object('error', regexp_replace(payload ->> 'error', '\d+', 'N')) END AS payload
  FROM pg_temp.told(:'begin');
SELECT max(length(payload ->> 'error')) AS longest_error FROM pg_temp.told(:'begin');
SELECT queue_name, state, payload ->> 'topic' AS topic FROM astrid.job_status WHERE queue_name LIKE 'ev%' AND state = 'ready';
-- readers may have the payload made, and nothing but that
SET ROLE astrid_reader;
SELECT topic, key = payload ->> 'job_id' AS key, payload - 'job_id' AS payload FROM astrid.event_log WHERE topic = 'job.ev.jobs.completed' ORDER BY xid DESC, event_id DESC LIMIT 1;
SELECT astrid._event_payload(NULL, 1, 1, 'dead', NULL, NULL, NULL) AS no_topic, astrid._event_payload('job.dead', 1, 1, 'dead', NULL, NULL, NULL) AS no_queue,
       astrid._event_payload('job.a.b.dead', 1, 1, 'dead', NULL, NULL, NULL) AS payload;
RESET ROLE;
-- what a pass of maintenance publishes comes after a cursor from before it
SELECT count(*) FROM astrid_enqueue_batch('ev.jobs', '{9}');
SELECT count(*) FROM astrid_claim('{ev.jobs}', 'w', 10, '1 s');
SELECT astrid_event_cursor() AS begin \gset
SET astrid.test_clock = '2030-01-01 00:00:02+00';
SELECT astrid_maintain() ->> 'reaped' AS reaped;
SELECT pg_temp.settle();
SELECT topic, payload ->> 'error' AS error FROM pg_temp.told(:'begin');
SELECT astrid_clear_queue('ev.jobs');
SET astrid.test_clock = '2030-01-01 00:00:00+00';

-- a queue that does not want them publishes nothing
SELECT astrid_alter_queue('ev.jobs', job_events => false);
SELECT pg_temp.settle();
SELECT astrid_event_cursor() AS begin \gset
SELECT astrid_enqueue('ev.jobs', '8') > 0 AS enqueued;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim('{ev.jobs}', 'w');
SELECT pg_temp.settle();
SELECT * FROM pg_temp.told(:'begin');

-- restored from a dump: numbers of transactions that lie ahead come first, and a cursor from then goes on
INSERT INTO astrid.event (event_id, xid, published_at, slot, topic)
    VALUES (:e4 + 1000000, '4000000000000', astrid.clock(), astrid._ring_slot(astrid.clock()), 'restored.one'),
           (:e4 + 1000001, '4000000000000', astrid.clock(), astrid._ring_slot(astrid.clock()), 'restored.two');
SELECT astrid_maintain() ? 'rotated' AS done;
SELECT pg_temp.settle();
SELECT topic FROM astrid_events('4000000000000-' || (:e4 + 1000000), max_events => 1);
SELECT topic FROM astrid_events(max_events => 1);

-- a week later they go
SET astrid.test_clock = '2030-01-08 00:00:00+00';
SELECT astrid_maintain() ->> 'rotated' > '0' AS rotated;
SELECT count(*) FROM astrid.event_log WHERE topic LIKE 'frame.%';
SELECT astrid_unsubscribe('own'), astrid_unsubscribe('ends');
SELECT astrid_drop_queue('ev'), astrid_drop_queue('ev.jobs');
SELECT astrid_maintain() ? 'swept' AS swept;
