-- Changes of rows of user tables become jobs and events.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('tr');
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
SELECT pg_temp.settle();
SELECT astrid_event_cursor() AS begin \gset
CREATE TYPE pair AS (a int, b text);
CREATE TABLE frames (id int PRIMARY KEY, name text, taken timestamptz, dropped int, flux numeric, p pair, twice int GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE frames DROP COLUMN dropped;
CREATE TRIGGER to_queue AFTER INSERT OR UPDATE OR DELETE ON frames FOR EACH ROW
    EXECUTE FUNCTION astrid_enqueue_trigger('tr', '{"priority": -3, "unique_key": "id", "group_key": "name"}');
CREATE TRIGGER to_topic AFTER UPDATE ON frames FOR EACH ROW WHEN (old.name IS DISTINCT FROM new.name)
    EXECUTE FUNCTION astrid_publish_trigger('frames.renamed', '{"key": "id"}');
BEGIN;
INSERT INTO frames VALUES (1, 'g', '2030-01-01 00:00+00', 1.10, '(1,"x y")'), (2, NULL, NULL, 'NaN', NULL);
SELECT queue_name, priority, unique_key, group_key, payload FROM astrid.job_status WHERE queue_name = 'tr' ORDER BY job_id;
ROLLBACK;
SELECT count(*) FROM astrid.job_status WHERE queue_name = 'tr';
INSERT INTO frames VALUES (1, 'g');
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim('{tr}', 'w');
UPDATE frames SET name = 'h';
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim('{tr}', 'w');
UPDATE frames SET flux = 2;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim('{tr}', 'w');
DELETE FROM frames;
SELECT unique_key, group_key, payload -> 'op' AS op, payload #> '{new,name}' AS new, payload #> '{old,name}' AS old FROM astrid.job_status WHERE queue_name = 'tr' ORDER BY job_id;
SELECT pg_temp.settle();
SELECT topic, key, payload #>> '{old,name}' AS old, payload #>> '{new,name}' AS new FROM astrid_events(:'begin');

-- the user of the table needs no role of astrid; the one who makes the trigger needs EXECUTE
CREATE ROLE tr_user;
CREATE ROLE tr_owner;
GRANT CREATE ON SCHEMA public TO tr_owner;
GRANT INSERT ON frames TO tr_user;
SET ROLE tr_user;
INSERT INTO frames VALUES (3, 'by the user');
SELECT astrid_enqueue('tr', '1');
SET ROLE tr_owner;
CREATE TABLE own (i int);
CREATE TRIGGER t AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('tr');
RESET ROLE;
SELECT payload #>> '{new,name}' AS name FROM astrid.job_status WHERE queue_name = 'tr' AND state = 'ready' ORDER BY job_id DESC LIMIT 1;
-- a cast that the owner made runs with the rights of the user who changes the table, not with more
GRANT astrid_producer TO tr_owner;
SET ROLE tr_owner;
CREATE TYPE spy AS ENUM ('x');
CREATE FUNCTION spy_json(spy) RETURNS json LANGUAGE sql AS $$ SELECT to_json(current_user::text) $$;
CREATE CAST (spy AS json) WITH FUNCTION spy_json(spy);
ALTER TABLE own ADD s spy;
CREATE TRIGGER t AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('tr');
INSERT INTO own VALUES (1, 'x');
RESET ROLE;
SELECT payload #>> '{new,s}' AS ran_as FROM astrid.job_status WHERE queue_name = 'tr' AND payload ->> 'table' = 'own';

-- what is refused, when it fires
CREATE TABLE wrong (i int);
CREATE TRIGGER t AFTER INSERT ON wrong EXECUTE FUNCTION astrid_enqueue_trigger('tr');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t BEFORE INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_publish_trigger('x');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger();
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('none');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('tr', '{"key": "i"}');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('tr', '{"unique_key": "j"}');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('tr', '{"priority": "1"}');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger('tr', '[1]');
INSERT INTO wrong VALUES (1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION astrid_publish_trigger('job.tr.completed');
INSERT INTO wrong VALUES (1);
SELECT astrid_enqueue_trigger();

DROP TABLE frames, wrong, own;
DROP CAST (spy AS json);
DROP FUNCTION spy_json;
DROP TYPE pair, spy;
REVOKE CREATE ON SCHEMA public FROM tr_owner;
DROP ROLE tr_user, tr_owner;
SELECT astrid_drop_queue('tr');
SELECT astrid_maintain() ? 'swept' AS swept;
