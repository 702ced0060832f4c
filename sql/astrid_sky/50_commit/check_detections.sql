-- All rows at once; the error names the first bad one. Numbers that may be absent are null.
CREATE FUNCTION sky.check_detections(step jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    bad record;
BEGIN
    -- a stage that found nothing names no list
    IF jsonb_typeof(step -> 'records') IS DISTINCT FROM 'object'
       OR COALESCE(jsonb_typeof(step -> 'records' -> 'detections'), 'array') <> 'array' THEN
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
