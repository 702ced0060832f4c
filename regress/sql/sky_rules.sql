-- The rules: duplicates, kinds, instruments, calibration frames, waiting for a reference, gates, garbage, lost leases.
\set VERBOSITY terse
\pset null ~
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
CREATE EXTENSION IF NOT EXISTS q3c;
CREATE EXTENSION astrid_sky;
SELECT sky.install_defaults();

-- Plays one job of a queue: claim, plan, commit. Only what does not depend on ids is shown.
CREATE FUNCTION pg_temp.play(queue text, results jsonb DEFAULT '[]', OUT steps jsonb, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    j record;
BEGIN
    SELECT * INTO STRICT j FROM astrid.claim(ARRAY[queue], 'tester');
    steps := sky.plan(j.job_id, j.lease_id) -> 'steps';
    PERFORM sky.commit(j.job_id, j.lease_id, results);
    result := (SELECT s.result FROM astrid.job_status s WHERE s.job_id = j.job_id) - 'next_job_id';
END $$;
CREATE FUNCTION pg_temp.ingested(sha int, more jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('stage', 'ingest', 'version', 1, 'ms', 12, 'outputs', '{}'::jsonb, 'result',
        '{"kind": "image", "hdu": 0, "naxis1": 1024, "naxis2": 1024, "finite": 1048576, "min": 1, "max": 60000, "mean": 300,
          "instrument": "SimCam", "object": "field1", "imagetyp": "OBJECT", "frame_kind": "science", "filter": "r", "band": "r", "mjd_mid_tai": 60000.5,
          "exptime": 60, "gain": 2.1, "read_noise": 5, "saturation": 60000, "bunit": "adu", "bytes": 4199040, "warnings": [],
          "wcs": {"ra": 0.001, "dec": 10, "pixel_scale": 0.5, "parity": 1, "approx": false,
                  "corners": [[359.93, 9.93], [0.072, 9.93], [0.072, 10.07], [359.93, 10.07]]}}'::jsonb
        || jsonb_build_object('sha256', repeat(to_char(sha, 'FM00'), 32)) || more))
$$;
CREATE FUNCTION pg_temp.calibrated(name text, more jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('stage', 'calibrate', 'version', 1, 'ms', 800, 'result',
        '{"fwhm": 3.1, "ellipticity": 0.05, "sky_level": 0, "sky_rms": 12.5, "n_sources": 812, "masked_fraction": 0.01,
          "saturated_fraction": 0.001, "m5": 21.4, "zero_point": 27.0}'::jsonb || more,
        'outputs', jsonb_build_object('image', jsonb_build_object('uri', '/out/calibrated/' || name || '.fits', 'bytes', 12000000,
                                                                  'sha256', repeat('c', 64)))))
$$;
CREATE FUNCTION pg_temp.differenced(name text, more jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_array(
        jsonb_build_object('stage', 'align', 'version', 1, 'ms', 300, 'result', '{"n_match": 210, "residual_px": 0.05, "order": 2}'::jsonb,
            'outputs', jsonb_build_object('aligned', jsonb_build_object('uri', '/out/aligned/' || name || '.fits'))),
        jsonb_build_object('stage', 'difference', 'version', 1, 'ms', 2000, 'result',
            '{"algorithm": "zogy", "convolved": "both", "kernel_sum": 0.8, "n_stamps": 60, "z_mad": 1.01, "z_std": 1.04,
              "used_fraction": 0.97, "lag1": 0.1}'::jsonb || more,
            'outputs', jsonb_build_object('difference', jsonb_build_object('uri', '/out/difference/' || name || '.fits'),
                                          'score', jsonb_build_object('uri', '/out/score/' || name || '.fits'))))
$$;
CREATE FUNCTION pg_temp.detected(name text, detections jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('stage', 'detect', 'version', 1, 'ms', 90,
        'result', jsonb_build_object('n', jsonb_array_length(detections), 'n_unflagged', 1, 'snr_scale', 1.02),
        'outputs', jsonb_build_object('detections', jsonb_build_object('uri', '/out/detections/' || name || '.fits')),
        'records', jsonb_build_object('detections', detections)))
$$;


-- As play(), for commits that fail: the job ends dead with the error, as the worker would have it.
CREATE FUNCTION pg_temp.refused(queue text, results jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    j      record;
    told   text;
    detail text;
BEGIN
    SELECT * INTO STRICT j FROM astrid.claim(ARRAY[queue], 'tester');
    BEGIN
        PERFORM sky.plan(j.job_id, j.lease_id);
        PERFORM sky.commit(j.job_id, j.lease_id, results);
        RETURN 'not refused';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        told := sqlstate || ': ' || told || COALESCE(' / ' || NULLIF(detail, ''), '');
    END;
    PERFORM astrid.fail(j.job_id, j.lease_id, told, false);
    RETURN told;
END $$;

-- The same bytes under another name are the same observation; a kind once taken stays.
SELECT sky.ingest('/data/1.fits') > 0 AS enqueued, sky.ingest('/data/copy-of-1.fits') > 0 AS again;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(1));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(1));
SELECT sky.ingest('/data/1.fits', 'reference') > 0 AS enqueued;
SELECT pg_temp.refused('observation_ingestion', pg_temp.ingested(1));
-- another HDU of it is another observation
SELECT sky.ingest('/data/1.fits', NULL, '{"hdu": 2}') > 0 AS enqueued;
SELECT steps -> 0 -> 'params' AS params, result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(1, '{"hdu": 2}'));
SELECT observation_id, uri, hdu, kind, band, width, height, round(radius::numeric, 3) AS radius, footprint FROM sky.observations ORDER BY 1;

-- No reference: preprocessing ends the chain with a note.
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('1'));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('2'));
SELECT observation_id, finished_stage, state, reason FROM sky.observation_status WHERE observation_id IS NOT NULL ORDER BY 1;
-- One of another sky or band releases nobody; one that fits does.
SELECT sky.ingest('/data/away.fits', 'reference') > 0 AS away, sky.ingest('/data/blue.fits', 'reference', '{"band": "g"}') > 0 AS blue,
       sky.ingest('/data/right.fits', 'reference') > 0 AS right;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(2,
    '{"wcs": {"ra": 0.1, "dec": 10.1, "corners": [[0.04, 10.04], [0.16, 10.04], [0.16, 10.16], [0.04, 10.16]]}}'));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(3));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(4));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('3'));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('4'));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('5'));
SELECT observation_id, finished_stage, next_stage, state FROM sky.observation_status WHERE kind = 'science' AND observation_id IS NOT NULL ORDER BY 1;
-- A sharper reference is preferred, and the payload's word goes before all.
SELECT sky.ingest('/data/sharp.fits', 'reference') > 0 AS sharp;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(5));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('6', '{"fwhm": 2.2}'));
SELECT steps -> 0 -> 'inputs' -> 'reference' AS reference FROM pg_temp.play('differencing', pg_temp.differenced('1'));
SELECT astrid.enqueue('differencing', '{"observation_id": 4, "reference": 7, "params": {"difference": {"algorithm": "zogy"}}}') > 0 AS enqueued;
SELECT steps -> 0 -> 'inputs' -> 'reference' AS reference FROM pg_temp.play('differencing', pg_temp.differenced('2'));
SELECT steps -> 0 -> 'inputs' -> 'reference' AS reference, steps -> 1 -> 'params' AS params
FROM pg_temp.play('differencing', pg_temp.differenced('2'));
-- Named by its file, of another band, before it is there.
SELECT sky.ingest('/data/n.fits', NULL, '{"reference": "/data/later.fits"}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(6));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('n'));
SELECT sky.ingest('/data/later.fits', 'reference', '{"band": "z"}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(7));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('later'));
SELECT steps -> 0 -> 'inputs' -> 'reference' AS reference FROM pg_temp.play('differencing', pg_temp.differenced('n'));
SELECT sky.retire_reference(reference_id) FROM sky.reference_images WHERE observation_id = 6;
SELECT sky.retire_reference(reference_id) FROM sky.reference_images WHERE observation_id = 6;
-- A science frame as reference.
SELECT sky.use_reference(1) AS reference_id \gset
SELECT :reference_id = max(image_id) AS newest FROM sky.images;
SELECT observation_id, uri, in_use FROM sky.reference_images ORDER BY reference_id;
SELECT sky.use_reference(99);

-- Calibration frames are filed and used by size, band and exposure time; a master is used alone.
SELECT count(sky.ingest(format('/data/%s.fits', k), k)) FROM unnest('{bias,dark,flat,bpm}'::text[]) AS k;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(10));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(11, '{"exptime": 60}'));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(12));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(13));
SELECT count(astrid.enqueue('observation_ingestion', jsonb_build_object('uri', '/data/more' || n || '.fits'))) FROM generate_series(1, 5) AS n;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(14, '{"imagetyp": "Zero", "frame_kind": "bias"}'));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(15, '{"imagetyp": "DARK", "exptime": 300, "frame_kind": "dark"}'));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(16, '{"imagetyp": "Dome Flat", "frame_kind": "flat", "band": "g"}'));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(17, '{"imagetyp": "DARK", "exptime": 0, "frame_kind": "bias", "naxis1": 512}'));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(18, '{"instrument": "Other", "imagetyp": "flat", "frame_kind": "flat"}'));
SELECT kind, is_master, uri, instrument, band, exptime, width FROM sky.calibration_frames ORDER BY calibration_id;
SELECT sky.ingest('/data/light.fits') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(20));
SELECT jsonb_pretty(steps -> 0 -> 'inputs') AS inputs FROM pg_temp.play('preprocessing', pg_temp.calibrated('20'));
SELECT made_from FROM sky.images WHERE kind = 'calibrated' ORDER BY image_id DESC LIMIT 1;
-- From combine_from frames on a master is made by the first plan, filed by its commit and used by the next plan.
UPDATE sky.settings SET value = '2' WHERE name = 'combine_from';
SELECT count(sky.ingest(format('/data/night2-%s.fits', n))) FROM generate_series(1, 3) AS n;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(60));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(61));
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(62));
CREATE TEMP TABLE two AS SELECT c.*, sky.plan(job_id, lease_id) AS plan FROM astrid.claim(ARRAY['preprocessing'], 'tester', 2) AS c;
SELECT jsonb_pretty((plan -> 'steps') #- '{1,params}') AS steps FROM two ORDER BY job_id LIMIT 1;
-- a worker that left the combine out is refused
SELECT sky.commit(job_id, lease_id, pg_temp.calibrated('60')) FROM two ORDER BY job_id LIMIT 1;
-- both made one: the first is filed, and the third job uses it
SELECT count(sky.commit(job_id, lease_id, jsonb_build_array(jsonb_build_object('stage', 'combine', 'result', '{"n_frames": 2}'::jsonb,
    'outputs', jsonb_build_object('master', jsonb_build_object('uri', '/out/master/bias-' || row_number)))) || pg_temp.calibrated('60')))
FROM (SELECT *, row_number() OVER (ORDER BY job_id) FROM two ORDER BY job_id) AS t;
SELECT kind, uri, made_from, width FROM sky.calibration_frames WHERE is_master AND observation_id IS NULL;
SELECT steps -> 0 -> 'inputs' -> 'bias' AS bias FROM pg_temp.play('preprocessing', pg_temp.calibrated('62'));
SELECT sky.ingest('/data/masterbias.fits', 'bias', '{"master": true}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(21));
SELECT sky.ingest('/data/light2.fits') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(22));
SELECT steps -> 0 -> 'inputs' -> 'bias' AS bias FROM pg_temp.play('preprocessing', pg_temp.calibrated('22'));
-- While a calibration frame is being ingested, preprocessing steps aside.
SELECT sky.ingest('/data/light3.fits') > 0 AS light;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(23));
SELECT sky.ingest('/data/late.fits', 'bias') > 0 AS late;
CREATE TEMP TABLE bias AS SELECT * FROM astrid.claim(ARRAY['observation_ingestion'], 'tester');
SELECT sky.plan(job_id, lease_id) IS NOT NULL AS planned FROM bias;
CREATE TEMP TABLE aside AS SELECT * FROM astrid.claim(ARRAY['preprocessing'], 'tester');
SELECT sky.plan(job_id, lease_id) FROM aside;
\set VERBOSITY sqlstate
SELECT sky.commit(job_id, lease_id, '[]') FROM aside;
\set VERBOSITY terse
SELECT s.state IN ('ready', 'scheduled') AS again, s.error FROM astrid.job_status s JOIN aside USING (job_id);
SELECT astrid.fail(job_id, lease_id, 'it was too late', false) FROM bias;
SELECT astrid.clear_queue('preprocessing', NULL);

-- What headers call things.
INSERT INTO sky.instruments (name, aliases, keywords, band_map, kind_map, gain, params)
VALUES ('Mapped', '{MAPCAM2}', '{"exptime": "XPOSURE"}', '{"SDSS-R": "r"}', '{"sky object": "science"}', 1.5, '{"calibrate": {"cosmic": false}}');
SELECT sky.ingest('/data/m.fits') > 0 AS enqueued;
-- its row maps keywords: the file goes through once more, with the row
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(30, '{"instrument": "mapcam2", "exptime": null, "imagetyp": "Sky Object", "frame_kind": null}'));
SELECT steps -> 0 -> 'params' AS params, result FROM pg_temp.play('observation_ingestion',
    pg_temp.ingested(30, '{"instrument": "mapcam2", "filter": "SDSS-R", "band": null, "mjd_mid_tai": null, "imagetyp": "Sky Object", "frame_kind": null}'));
SELECT instrument, band, gain, exptime, warnings FROM sky.observations ORDER BY observation_id DESC LIMIT 1;
SELECT steps -> 0 -> 'params' AS params FROM pg_temp.play('preprocessing', pg_temp.calibrated('30'));
SELECT sky.ingest('/data/arc.fits') > 0 AS enqueued;
SELECT pg_temp.refused('observation_ingestion', pg_temp.ingested(31, '{"imagetyp": "ARC", "frame_kind": null}'));
-- no kind at all is science, no corners is no position
SELECT sky.ingest('/data/plain.fits') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(32,
    '{"imagetyp": null, "frame_kind": null, "wcs": {"ra": 1, "dec": 2, "corners": null, "pixel_scale": 0.3}}'));
SELECT kind, ra, dec, footprint, pixel_scale FROM sky.observations ORDER BY observation_id DESC LIMIT 1;
-- a frame without a WCS: where from the payload, how from the instrument
INSERT INTO sky.instruments (name, orientation) VALUES ('Blind', '{"pixel_scale": 0.31, "parity": -1}');
SELECT sky.ingest('/data/blind.fits', NULL, '{"ra": 1, "dec": 2}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(33, '{"instrument": "blind"}'));
SELECT steps -> 0 -> 'params' AS params FROM pg_temp.play('observation_ingestion', pg_temp.ingested(33, '{"instrument": "blind"}'));
-- read again after an edit
UPDATE sky.instruments SET gain = 1.7 WHERE name = 'Mapped';
SELECT sky.ingest('/data/m.fits', NULL, '{"reprocess": true, "instrument": "Mapped"}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(30));
SELECT gain, (SELECT count(*) FROM sky.images i WHERE i.observation_id = o.observation_id AND i.kind = 'raw') AS raw
FROM sky.observations o WHERE instrument = 'Mapped';

-- Gates: the numbers are in the error, the chain ends, nothing is written.
INSERT INTO sky.quality_thresholds (stage, metric, required) VALUES ('ingest', 'exptime', true);
SELECT sky.ingest('/data/g.fits') > 0 AS enqueued;
SELECT pg_temp.refused('observation_ingestion', pg_temp.ingested(40, '{"exptime": null}'));
DELETE FROM sky.quality_thresholds WHERE stage = 'ingest';
SELECT sky.ingest('/data/g.fits') > 0 AS enqueued;
SELECT astrid.clear_queue('preprocessing', NULL) >= 0 AS cleared;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(40));
SELECT pg_temp.refused('preprocessing', pg_temp.calibrated('40', '{"fwhm": 40, "masked_fraction": 0.9}'));
SELECT finished_stage, next_stage, state, reason FROM sky.observation_status WHERE uri = '/data/g.fits' AND observation_id IS NOT NULL;
SELECT count(*) AS calibrated FROM sky.images i JOIN sky.observations o USING (observation_id) WHERE o.uri = '/data/g.fits' AND i.kind = 'calibrated';
SELECT uri, next_stage, state, reason FROM sky.observation_status WHERE observation_id IS NULL ORDER BY job_id;

-- Garbage from a worker is refused by name of stage and field, for good (QJ009).
CREATE FUNCTION pg_temp.garbage(queue text, payload jsonb, results jsonb) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM astrid.clear_queue(queue, ARRAY['ready']);
    PERFORM astrid.enqueue(queue, payload);
    RETURN pg_temp.refused(queue, results);
END $$;
SELECT n, pg_temp.garbage('observation_ingestion', '{"uri": "/data/x.fits"}', r) FROM (VALUES
    (1, NULL::jsonb), (2, '{}'), (3, '[]'), (4, '[{"stage": "ingest"}]'), (5, '[{"stage": "ingest", "result": 3}]'),
    (6, pg_temp.ingested(50) #- '{0,result,sha256}'), (7, pg_temp.ingested(50, '{"naxis1": null}')),
    (8, pg_temp.ingested(50, '{"naxis2": "wide"}')), (9, pg_temp.ingested(50, '{"hdu": 1.5}')),
    (10, pg_temp.ingested(50, '{"exptime": 1e999}')), (11, pg_temp.ingested(50, '{"wcs": {"ra": 400, "dec": 0, "corners": 8}}')),
    (12, pg_temp.ingested(50, '{"wcs": {"ra": 4, "dec": 0, "corners": 8}}')), (13, pg_temp.ingested(50, '{"wcs": {"ra": 4, "dec": 0, "corners": [1, 2, 3, 4]}}')),
    (14, pg_temp.ingested(50, '{"object": {"a": 1}}'))) AS v (n, r) ORDER BY n;
SELECT pg_temp.garbage('observation_ingestion', '{}', pg_temp.ingested(50));
SELECT pg_temp.garbage('observation_ingestion', '[1]', pg_temp.ingested(50));
SELECT pg_temp.garbage('preprocessing', '{"observation_id": 1}', '[{"stage": "calibrate", "result": {}, "outputs": {}}]');
SELECT pg_temp.garbage('preprocessing', '{"observation_id": 4711}', '[]');
SELECT pg_temp.garbage('preprocessing', '{"uri": "/data/unheard.fits"}', '[]');
SELECT pg_temp.garbage('differencing', '{"observation_id": 1}', pg_temp.differenced('x') #- '{0}');
SELECT n, pg_temp.garbage('detection', '{"observation_id": 1}', pg_temp.detected('x', r)) FROM (VALUES
    (1, '[{"x": 1, "y": 1, "flux": 1, "flux_err": 1, "snr": 1, "flags": 0}, {"x": 1, "y": 1, "flux": 1, "flux_err": 1, "snr": 1}]'::jsonb),
    (2, '[{"x": 1, "y": 1, "flux": "NaN", "flux_err": 1, "snr": 1, "flags": 0}]'), (3, '[{"x": 1, "y": 1, "flux": 1, "flux_err": 0, "snr": 1, "flags": 0}]'),
    (4, '[{"x": 1, "y": 1, "flux": 1, "flux_err": 1, "snr": 1, "flags": 0, "ra": 361, "dec": 0}]'), (5, '[7]')) AS v (n, r) ORDER BY n;
SELECT pg_temp.garbage('detection', '{"observation_id": 1}', '[{"stage": "detect", "result": {}, "outputs": {}}]');
SELECT count(*) AS detections FROM sky.detections;
SELECT astrid.create_queue('elsewhere');
SELECT pg_temp.garbage('elsewhere', '{"uri": "x"}', '[]');

-- A lease that is not the job's own: neither plan nor commit.
\set VERBOSITY sqlstate
SELECT astrid.enqueue('curation', '{"observation_id": 1}') > 0 AS enqueued;
SELECT job_id, lease_id FROM astrid.claim(ARRAY['curation'], 'tester') \gset
SELECT sky.plan(:job_id, :lease_id + 1000000);
SELECT sky.commit(:job_id, :lease_id + 1000000, '[]');
SELECT sky.commit(:job_id, :lease_id, '[]');
SELECT sky.commit(:job_id, :lease_id, '[]');
\set VERBOSITY terse
-- Association needs to see what others committed while it waited.
SELECT astrid.enqueue('preprocessing', '{"observation_id": 1}') > 0 AS enqueued;
SELECT job_id, lease_id FROM astrid.claim(ARRAY['preprocessing'], 'tester') \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT jsonb_array_length(sky.plan(:job_id, :lease_id) -> 'steps');
SELECT sky.commit(:job_id, :lease_id, pg_temp.calibrated('again'));
ROLLBACK;
SELECT astrid.fail(:job_id, :lease_id, 'end of test', false);

DROP EXTENSION astrid_sky;
-- Leave no job behind for other tests.
SELECT count(astrid.drop_queue(q)) AS dropped FROM unnest('{observation_ingestion, preprocessing, differencing, detection, curation, notification}'::text[]) AS q;
SELECT astrid.drop_queue('elsewhere');
