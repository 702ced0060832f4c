-- Tasks, votes, rules, alerts: what people and rules decide about detections.
\set VERBOSITY terse
\pset null ~
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
CREATE EXTENSION IF NOT EXISTS q3c;
CREATE EXTENSION astrid_sky;
SELECT sky.install_defaults();
INSERT INTO sky.observations (uri, hdu, sha256, kind, band, width, height, mjd_mid_tai, job_id, lease_id)
SELECT '/data/' || n, 0, repeat(n::text, 64), 'science', 'r', 10, 10, 60000 + n, 0, 0 FROM generate_series(1, 4) AS n;
INSERT INTO sky.images (observation_id, kind, uri)
SELECT observation_id, k, uri || k FROM sky.observations, unnest('{calibrated,aligned,difference}'::text[]) AS k;
INSERT INTO sky.differences (observation_id, reference_id, science_id, aligned_id, image_id, job_id, lease_id)
SELECT observation_id, min(image_id), min(image_id), min(image_id), max(image_id), 0, 0 FROM sky.images GROUP BY 1;

-- Detects sources of these S/N, one arcminute apart, then plays curation; tells both jobs' results.
CREATE FUNCTION pg_temp.observe(n int, snr float8[], scores float8[] DEFAULT NULL) RETURNS TABLE (result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    j record;
    queue text;
BEGIN
    PERFORM astrid.enqueue('detection', jsonb_build_object('observation_id', n));
    FOREACH queue IN ARRAY '{detection,curation}'::text[] LOOP
        SELECT * INTO STRICT j FROM astrid.claim(ARRAY[queue], 'tester');
        PERFORM sky.plan(j.job_id, j.lease_id);
        PERFORM sky.commit(j.job_id, j.lease_id, jsonb_build_array(jsonb_build_object('stage', 'detect', 'result', '{}'::jsonb,
            'records', jsonb_build_object('detections', (SELECT jsonb_agg(jsonb_build_object('x', i, 'y', 1, 'flux', s, 'flux_err', 1,
                'snr', s, 'flags', 0, 'ra', 10 + i / 60.0, 'dec', 20, 'score', scores[i]))
                FROM unnest(snr) WITH ORDINALITY AS v (s, i))))));
        RETURN QUERY SELECT t.result - 'next_job_id' FROM astrid.job_status t WHERE t.job_id = j.job_id;
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.notified() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    j record;
BEGIN
    FOR j IN SELECT * FROM astrid.claim('{notification}', 'tester', 10) LOOP
        PERFORM sky.plan(j.job_id, j.lease_id);
        PERFORM sky.commit(j.job_id, j.lease_id, '[]');
        RETURN QUERY SELECT t.result::text FROM astrid.job_status t WHERE t.job_id = j.job_id;
    END LOOP;
END $$;
CREATE VIEW pg_temp.tasks AS
SELECT t.task_id, t.observation_id AS obs, d.snr, t.object_id AS object, t.state, t.reason, t.notified_at IS NOT NULL AS notified
FROM sky.curation_tasks t JOIN sky.detections d USING (detection_id) ORDER BY t.task_id;

-- Below the threshold, a candidate, confirmed by rule.
SELECT * FROM pg_temp.observe(1, '{4, 8, 30}');
SELECT * FROM pg_temp.tasks;
SELECT pg_temp.notified();
-- People: one rejected, one confirmed, which is notified once.
SELECT count(*) AS votes FROM (SELECT sky.vote(task_id, 'rejected', 'dipole') FROM pg_temp.tasks WHERE snr = 30) AS v;
SELECT count(*) AS votes FROM (SELECT sky.vote(task_id, 'confirmed', 'supernova') FROM pg_temp.tasks WHERE snr = 8) AS v;
SELECT count(*) AS votes FROM (SELECT sky.vote(task_id, 'confirmed') FROM pg_temp.tasks WHERE snr = 8) AS v;
SELECT pg_temp.notified();
SELECT * FROM pg_temp.tasks;
-- What they said of an object holds for its next detection, above the rule.
SELECT * FROM pg_temp.observe(2, '{4, 8, 40}');
SELECT * FROM pg_temp.tasks WHERE obs = 2;
SELECT pg_temp.notified();
-- A second run keeps the votes, of an object seen but once too.
SELECT * FROM pg_temp.observe(3, '{1, 1, 1, 1, 1, 8}');
SELECT count(*) AS votes FROM (SELECT sky.vote(task_id, 'rejected', 'ghost') FROM pg_temp.tasks WHERE obs = 3 AND snr = 8) AS v;
SELECT * FROM pg_temp.observe(3, '{1, 1, 1, 1, 1, 80}');
SELECT * FROM pg_temp.tasks WHERE obs = 3 AND snr = 80;
SELECT * FROM pg_temp.observe(1, '{4, 8, 30}');
SELECT pg_temp.notified();
SELECT * FROM pg_temp.tasks WHERE obs = 1;
SELECT object_id, verdict, reason, voter = session_user AS person, is_rule FROM sky.curation_votes ORDER BY vote_id;
-- The rule off; the rule with a score; a stricter threshold for the band.
UPDATE sky.settings SET value = 'null' WHERE name = 'auto_accept_snr';
SELECT * FROM pg_temp.observe(3, '{1, 1, 1, 50}');
UPDATE sky.settings SET value = '10' WHERE name = 'auto_accept_snr';
UPDATE sky.settings SET value = '0.5' WHERE name = 'auto_accept_score';
INSERT INTO sky.quality_thresholds (stage, metric, minimum, band) VALUES ('curation', 'score', 0.2, 'r');
SELECT * FROM pg_temp.observe(4, '{1, 1, 1, 1, 50, 50, 50, 50}', '{0.9, 0.9, 0.9, 0.9, 0.9, 0.4, 0.1, null}');
SELECT * FROM pg_temp.tasks WHERE obs > 2;
SELECT observation_id, finished_stage, next_stage, reason FROM sky.observation_status ORDER BY 1;
-- No such thing.
SELECT sky.vote(1000000, 'confirmed');
SELECT sky.vote(task_id, 'certainly') FROM pg_temp.tasks LIMIT 1;
SELECT sky.vote(task_id, NULL) FROM pg_temp.tasks LIMIT 1;

DROP EXTENSION astrid_sky CASCADE;
-- Leave no job behind for other tests.
SELECT count(astrid.drop_queue(q)) AS dropped FROM unnest('{observation_ingestion, preprocessing, differencing, detection, curation, notification}'::text[]) AS q;
