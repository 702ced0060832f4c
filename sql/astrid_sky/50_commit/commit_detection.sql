-- Detections, their objects, and a curation task for each unflagged one.
CREATE FUNCTION sky.commit_detection(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o       sky.observations := sky.payload_observation(payload);
    step    jsonb := sky.stage_result(results, 'detect');
    touched bigint[];
    n       int;
    n_tasks int;
    next_id bigint;
BEGIN
    PERFORM sky.gate('detect', o, step -> 'result');
    PERFORM sky.check_detections(step);
    IF sky.output_field(step, 'detections', false) IS NOT NULL THEN
        PERFORM sky.record_image(o, 'detections', step, 'detections', commit_detection.job_id, commit_detection.lease_id);
    END IF;
    PERFORM sky.lock_detections(o.observation_id, step);
    touched := sky.remove_detections(o.observation_id);
    n := sky.insert_detections(o, step, commit_detection.job_id, commit_detection.lease_id);
    PERFORM sky.refresh_objects(touched || sky.associate(o.observation_id));
    INSERT INTO sky.curation_tasks (detection_id, observation_id, object_id)
    SELECT d.detection_id, d.observation_id, d.object_id FROM sky.detections d
    WHERE d.observation_id = o.observation_id AND d.flags = 0 ORDER BY d.detection_id;
    GET DIAGNOSTICS n_tasks = ROW_COUNT;
    PERFORM sky.record_runs(commit_detection.job_id, commit_detection.lease_id, o.observation_id, results);
    IF n_tasks > 0 THEN
        next_id := sky.enqueue_next(o, 'curation', priority);
    END IF;
    PERFORM sky.advance(o.observation_id, 'detection', next_id, CASE WHEN n_tasks = 0 THEN 'nothing unflagged was found' END);
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'detections', n, 'tasks', n_tasks,
                                                'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_detection(bigint, bigint, jsonb, int, jsonb) IS 'writes detections, objects and curation tasks; enqueues curation';

-- All rows at once; the error names the first bad one. Numbers that may be absent are null.
CREATE FUNCTION sky.check_detections(step jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    bad record;
BEGIN
    IF jsonb_typeof(step -> 'records' -> 'detections') IS DISTINCT FROM 'array' THEN
        PERFORM sky.refuse('result of stage "detect": field "records.detections" must be an array');
    END IF;
    SELECT r.n, f.name, r.e -> f.name AS value INTO bad
    FROM jsonb_array_elements(step -> 'records' -> 'detections') WITH ORDINALITY AS r (e, n),
         (VALUES ('x', true), ('y', true), ('flux', true), ('flux_err', true), ('snr', true), ('flags', true),
                 ('ra', false), ('dec', false), ('fwhm', false), ('ellipticity', false), ('score', false),
                 ('ap_flux', false), ('ap_flux_err', false), ('sci_flux', false), ('sci_flux_err', false),
                 ('ref_flux', false), ('ref_flux_err', false)) AS f (name, required)
    WHERE jsonb_typeof(r.e) <> 'object'
       OR CASE COALESCE(jsonb_typeof(r.e -> f.name), 'null')
              WHEN 'null' THEN f.required
              WHEN 'number' THEN abs((r.e ->> f.name)::numeric) > 1e300
                  OR (f.name IN ('flux_err') AND (r.e ->> f.name)::numeric <= 0)
                  OR (f.name IN ('snr') AND (r.e ->> f.name)::numeric < 0)
                  OR (f.name = 'ra' AND (r.e ->> f.name)::numeric NOT BETWEEN 0 AND 360)
                  OR (f.name = 'dec' AND (r.e ->> f.name)::numeric NOT BETWEEN -90 AND 90)
                  OR (f.name = 'flags' AND (r.e ->> f.name)::numeric NOT BETWEEN 0 AND 9e15)
              ELSE true END
    ORDER BY r.n LIMIT 1;
    IF FOUND THEN
        PERFORM sky.refuse(format('result of stage "detect": detection %s: field "%s" is missing or no possible number', bad.n, bad.name),
                           format('It is %s.', COALESCE(left(bad.value::text, 100), 'missing')));
    END IF;
END $$;
COMMENT ON FUNCTION sky.check_detections(jsonb) IS 'refuses the detections of a result where a field is missing or impossible, by number and name';

-- AB magnitudes and nJy (Oke & Gunn 1983, ApJ 266, 713): m = zero_point - 2.5 lg flux = 31.4 - 2.5 lg (flux / nJy).
CREATE FUNCTION sky.insert_detections(o sky.observations, step jsonb, job_id bigint, lease_id bigint) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    d        sky.differences;
    zero     float8;
    njy      float8;
    unit     text;
    n        int;
BEGIN
    SELECT * INTO d FROM sky.differences s WHERE s.observation_id = o.observation_id;
    SELECT i.zero_point, COALESCE(i.quality ->> 'bunit', 'electron') INTO zero, unit FROM sky.images i WHERE i.image_id = d.science_id;
    njy := pow(10, 0.4 * (31.4 - zero));
    INSERT INTO sky.detections (observation_id, difference_id, ra, dec, x, y, mjd_mid_tai, band, flux, flux_err, flux_unit,
        flux_njy, flux_njy_err, mag, mag_err, snr, fwhm, ellipticity, score, flags, ap_flux, ap_flux_err,
        sci_flux, sci_flux_err, ref_flux, ref_flux_err, cutouts, job_id, lease_id)
    SELECT o.observation_id, d.difference_id, CASE WHEN r.dec IS NULL THEN NULL WHEN r.ra = 360 THEN 0 ELSE r.ra END,
        CASE WHEN r.ra IS NOT NULL THEN r.dec END, r.x, r.y, o.mjd_mid_tai, o.band, r.flux, r.flux_err, unit,
        r.flux * njy, r.flux_err * njy,
        CASE WHEN r.flux > 0 THEN zero - 2.5 * log(r.flux) END,
        CASE WHEN r.flux > 0 AND zero IS NOT NULL THEN 2.5 / ln(10) * r.flux_err / r.flux END,
        r.snr, r.fwhm, r.ellipticity, r.score, r.flags::bigint, r.ap_flux, r.ap_flux_err,
        r.sci_flux, r.sci_flux_err, r.ref_flux, r.ref_flux_err, r.cutouts,
        insert_detections.job_id, insert_detections.lease_id
    FROM jsonb_to_recordset(step -> 'records' -> 'detections') AS r (x float8, y float8, ra float8, dec float8, flux float8,
        flux_err float8, snr float8, fwhm float8, ellipticity float8, score float8, flags float8, ap_flux float8,
        ap_flux_err float8, sci_flux float8, sci_flux_err float8, ref_flux float8, ref_flux_err float8, cutouts jsonb);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
COMMENT ON FUNCTION sky.insert_detections(sky.observations, jsonb, bigint, bigint) IS 'writes the detections of a result; their number';

-- Old and new places at once: two sorted sequences of locks one after the other could wait for each other.
CREATE FUNCTION sky.lock_detections(observation_id bigint, step jsonb) RETURNS void
LANGUAGE sql AS $$
    SELECT sky.lock_cells(array_agg(p.ra), array_agg(p.dec), sky.association_radius())
    FROM (SELECT d.ra, d.dec FROM sky.detections d WHERE d.observation_id = lock_detections.observation_id
          UNION ALL
          SELECT r.ra, r.dec FROM jsonb_to_recordset(step -> 'records' -> 'detections') AS r (ra float8, dec float8)) AS p
    WHERE p.ra IS NOT NULL AND p.dec IS NOT NULL
$$;
COMMENT ON FUNCTION sky.lock_detections(bigint, jsonb) IS 'locks the sky about the detections of an observation, those there and those to come';

-- A second run replaces. The objects stay until the new detections have joined them, so that they keep their numbers and
-- thereby their votes.
CREATE FUNCTION sky.remove_detections(observation_id bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    object_ids bigint[];
BEGIN
    DELETE FROM sky.curation_tasks c WHERE c.observation_id = remove_detections.observation_id;
    WITH gone AS (
        DELETE FROM sky.detections d WHERE d.observation_id = remove_detections.observation_id RETURNING d.object_id)
    SELECT COALESCE(array_agg(DISTINCT g.object_id), '{}') INTO object_ids FROM gone g WHERE g.object_id IS NOT NULL;
    RETURN object_ids;
END $$;
COMMENT ON FUNCTION sky.remove_detections(bigint) IS 'removes the detections and tasks of an observation; the objects they belonged to';
