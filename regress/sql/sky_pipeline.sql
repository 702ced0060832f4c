-- The whole pipeline in SQL: the test plays the worker with results made by hand. One reference, two epochs.
\set VERBOSITY terse
\pset null ~
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
CREATE EXTENSION IF NOT EXISTS q3c;
CREATE EXTENSION astrid_sky;
SELECT count(*) AS rows_from_script FROM sky.settings;
SELECT sky.install_defaults();
SELECT sky.install_defaults();
SELECT queue_name FROM astrid.queue_status WHERE worker_type IN ('observation_ingestion', 'preprocessing', 'differencing',
    'detection', 'curation', 'notification') ORDER BY 1;
SELECT name, value FROM sky.settings ORDER BY 1;

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

-- The reference: ingested, calibrated, in use.
SELECT sky.ingest('/data/ref.fits', 'reference') > 0 AS enqueued;
SELECT jsonb_pretty(steps) AS steps, result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(1));
SELECT jsonb_pretty(steps) AS steps, result FROM pg_temp.play('preprocessing', pg_temp.calibrated('1'));
SELECT observation_id, uri, band, fwhm, m5, in_use FROM sky.reference_images;

-- The first epoch, by hand as a user would.
SELECT astrid.enqueue('observation_ingestion', '{"uri": "/data/e1.fits"}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(2));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('2'));
SELECT jsonb_pretty(steps) AS steps, result FROM pg_temp.play('differencing', pg_temp.differenced('2'));
-- a bright one, a faint one, a negative one, a flagged one
SELECT jsonb_pretty(steps) AS steps, result FROM pg_temp.play('detection', pg_temp.detected('2', '[
    {"x": 500.2, "y": 400.1, "ra": 359.9999, "dec": 10.01, "flux": 5000, "flux_err": 100, "snr": 50, "fwhm": 3.1, "ellipticity": 0.1,
     "flags": 0, "score": null, "ap_flux": 5100, "ap_flux_err": 130, "sci_flux": 9000, "sci_flux_err": 110, "ref_flux": 4000,
     "ref_flux_err": 50, "cutouts": {"science": "/out/cutouts/1.fits"}},
    {"x": 100, "y": 100, "ra": 0.05, "dec": 9.95, "flux": 700, "flux_err": 100, "snr": 7, "flags": 0},
    {"x": 200, "y": 100, "ra": 0.03, "dec": 9.95, "flux": -2000, "flux_err": 100, "snr": 20, "flags": 0},
    {"x": 300, "y": 100, "ra": 0.01, "dec": 9.95, "flux": 900, "flux_err": 100, "snr": 9, "flags": 4}]'));
SELECT steps, result FROM pg_temp.play('curation');
SELECT result FROM pg_temp.play('notification');
SELECT detection_id, object_id, round(ra::numeric, 4) AS ra, flux, round(flux_njy::numeric, 1) AS njy, round(mag::numeric, 3) AS mag,
       round(mag_err::numeric, 4) AS mag_err, snr, flags, flux_unit, band, mjd_mid_tai FROM sky.detections ORDER BY 1;

-- The second epoch, a night later: 0.3 arcsec beside, across ra = 0; and a new one.
SELECT sky.ingest('/data/e2.fits') > 0 AS enqueued;
SELECT result FROM pg_temp.play('observation_ingestion', pg_temp.ingested(3, '{"mjd_mid_tai": 60001.5}'));
SELECT result FROM pg_temp.play('preprocessing', pg_temp.calibrated('3'));
SELECT result FROM pg_temp.play('differencing', pg_temp.differenced('3'));
SELECT result FROM pg_temp.play('detection', pg_temp.detected('3', '[
    {"x": 501, "y": 401, "ra": 0.00001, "dec": 10.01, "flux": 6000, "flux_err": 100, "snr": 60, "flags": 0},
    {"x": 700, "y": 401, "ra": 0.04, "dec": 10.03, "flux": 600, "flux_err": 100, "snr": 6, "flags": 0},
    {"x": 200, "y": 100, "ra": 0.03, "dec": 9.95, "flux": -2100, "flux_err": 100, "snr": 21, "flags": 0},
    {"x": 20, "y": 10, "ra": null, "dec": null, "flux": 2100, "flux_err": 100, "snr": 21, "flags": 0}]'));
SELECT object_id, n_detections, n_observations, first_mjd_tai, last_mjd_tai, max_snr, round(ra::numeric, 5) AS ra, round(dec::numeric, 3) AS dec
FROM sky.objects ORDER BY 1;
SELECT object_id, mjd, flux FROM sky.light_curve ORDER BY 1, 2;
SELECT result FROM pg_temp.play('curation');
SELECT result FROM pg_temp.play('notification');
SELECT task_id, detection_id, state, reason, notified_at IS NOT NULL AS notified FROM sky.curation_tasks ORDER BY 1;

-- Where everything is, what it took.
SELECT observation_id, uri, kind, finished_stage, state, reason, n_detections FROM sky.observation_status ORDER BY 1;
SELECT stage, n, total_ms FROM sky.stage_times ORDER BY 1;
SELECT observation_id, kind, uri FROM sky.images ORDER BY observation_id, image_id;
SELECT queue_name, ready, running, dead FROM astrid.queue_status
WHERE worker_type IN ('observation_ingestion', 'preprocessing', 'differencing', 'detection', 'curation', 'notification')
  AND ready + running + dead > 0;

-- A second run of detection replaces: no detection, object or task twice.
SELECT astrid.enqueue('detection', '{"uri": "/data/e2.fits"}') > 0 AS enqueued;
SELECT result FROM pg_temp.play('detection', pg_temp.detected('3b', '[
    {"x": 501, "y": 401, "ra": 0.00001, "dec": 10.01, "flux": 6000, "flux_err": 100, "snr": 60, "flags": 0}]'));
SELECT observation_id, count(*) FROM sky.detections GROUP BY 1 ORDER BY 1;
SELECT object_id, n_detections FROM sky.objects ORDER BY 1;

DROP EXTENSION astrid_sky;
-- Leave no job behind for other tests.
SELECT count(astrid.drop_queue(q)) AS dropped FROM unnest('{observation_ingestion, preprocessing, differencing, detection, curation, notification}'::text[]) AS q;
