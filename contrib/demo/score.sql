-- What was found against the truth. Run by demo.sh after the last job, in one session:
--   psql -v truth=.../truth.csv -v masks=.../masks.csv -f score.sql
-- Everything lives in temporary tables; the last statement raises where a bound of the issue is not met.
--
-- Recovered: an unflagged detection of the right sign within 1.5 px whose flux agrees within 5 sigma. False: unflagged,
-- above S/N 6, with nothing that changes within 1.5 px. Outside the mask: less than 1 % of the source's squared PSF lies
-- under the truth mask. Variable stars and the moving object are in the truth: neither false nor missed.
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset null -
SET client_min_messages = warning;

CREATE TEMP TABLE truth (
    id int, field text, epoch int, file text, kind text, on_host int, x float8, y float8, ra float8, dec float8,
    flux_e float8, flux_adu float8, flux float8, mag float8, snr float8, masked float8);
CREATE TEMP TABLE mask_excess (file text, field text, beyond float8, truth_fraction float8, missed float8);
-- by the server, which runs as the user who owns the night: psql does not put variables into \copy
COPY truth FROM :'truth' WITH (FORMAT csv, HEADER true);
COPY mask_excess FROM :'masks' WITH (FORMAT csv, HEADER true);

CREATE TEMP TABLE bounds (field text PRIMARY KEY, recovered float8, false_per_epoch int, mask_beyond float8);
INSERT INTO bounds VALUES ('crowded', 0.90, 10, 0.03), ('*', 0.95, 2, 0.03);

CREATE TEMP TABLE found AS
SELECT d.detection_id, d.object_id, d.x, d.y, d.flux, d.flux_err, d.snr, d.flags,
       regexp_replace(o.uri, '^.*/', '') AS file
FROM sky.detections d JOIN sky.observations o USING (observation_id);
CREATE INDEX ON found (file);
ANALYZE found;

-- Every epoch that was to be searched, with or without anything in it.
CREATE TEMP TABLE epochs AS
SELECT file, field, regexp_replace(field, '[0-9]+$', '') AS kind FROM mask_excess;

CREATE TEMP TABLE recovery AS
SELECT t.*, t.masked < 0.01 AS outside, e.kind AS field_kind, f.detection_id, f.object_id
FROM truth t
JOIN epochs e USING (file)
LEFT JOIN LATERAL (
    SELECT d.detection_id, d.object_id FROM found d
    WHERE d.file = t.file AND d.flags = 0 AND sign(d.flux) = sign(t.flux)
      AND (point(d.x, d.y) <-> point(t.x, t.y)) < 1.5 AND abs(d.flux - t.flux) < 5 * d.flux_err
    ORDER BY (point(d.x, d.y) <-> point(t.x, t.y)) LIMIT 1) AS f ON true
WHERE t.kind = 'transient';

CREATE TEMP TABLE false_positive AS
SELECT d.* FROM found d
WHERE d.flags = 0 AND d.snr > 6
  AND NOT EXISTS (SELECT FROM truth t WHERE t.file = d.file AND (point(d.x, d.y) <-> point(t.x, t.y)) < 1.5);

\echo
\echo 'Found against the truth, by true S/N (transients outside the truth mask):'
SELECT field, CASE WHEN snr < 7 THEN 'below 7' WHEN snr < 10 THEN '7 to 10' WHEN snr < 20 THEN '10 to 20'
                   WHEN snr < 50 THEN '20 to 50' ELSE 'above 50' END AS true_snr,
       count(*) AS transients, count(detection_id) AS recovered, count(*) - count(detection_id) AS missed
FROM recovery WHERE outside
GROUP BY field, 2 ORDER BY field, min(snr);

CREATE TEMP TABLE verdict AS
SELECT e.file, e.field, COALESCE(b.recovered, d.recovered) AS want, COALESCE(b.false_per_epoch, d.false_per_epoch) AS allow,
       d.mask_beyond AS mask_allow, m.beyond AS mask_beyond,
       (SELECT count(*) FROM recovery r WHERE r.file = e.file AND r.outside AND r.snr > 10) AS bright,
       (SELECT count(r.detection_id) FROM recovery r WHERE r.file = e.file AND r.outside AND r.snr > 10) AS recovered,
       (SELECT count(*) FROM false_positive f WHERE f.file = e.file) AS false_positives,
       (SELECT count(*) FROM found f WHERE f.file = e.file) AS detections
FROM epochs e JOIN mask_excess m USING (file)
LEFT JOIN bounds b ON b.field = e.kind JOIN bounds d ON d.field = '*';

\echo 'By epoch (transients of true S/N above 10 outside the mask; false: unflagged, above S/N 6):'
SELECT file, detections, bright AS transients, recovered, bright - recovered AS missed, false_positives AS "false",
       round((100 * mask_beyond)::numeric, 2) AS "mask beyond truth, %"
FROM verdict ORDER BY file;

-- Two epochs of a transient, both recovered: one object?
CREATE TEMP TABLE split AS
SELECT id FROM recovery WHERE detection_id IS NOT NULL GROUP BY id
HAVING count(*) > 1 AND (count(DISTINCT object_id) <> 1 OR count(object_id) <> count(*));
CREATE TEMP TABLE paired AS
SELECT id FROM recovery WHERE detection_id IS NOT NULL GROUP BY id HAVING count(*) > 1;

SELECT (SELECT count(DISTINCT id) FROM truth WHERE kind = 'transient') AS transients,
       (SELECT count(DISTINCT id) FROM truth WHERE kind = 'transient' AND on_host = 1) AS on_galaxies,
       (SELECT count(*) FROM paired) AS "found twice", (SELECT count(*) FROM paired) - (SELECT count(*) FROM split) AS "as one object";

CREATE TEMP TABLE failures (message text);
INSERT INTO failures
SELECT format('field %s: %s of %s transients above S/N 10 recovered, %s %% wanted', field, sum(recovered), sum(bright),
              100 * max(want))
FROM verdict GROUP BY field HAVING sum(recovered) < max(want) * sum(bright)
UNION ALL
SELECT format('%s: %s unflagged false detections above S/N 6, %s allowed', file, false_positives, allow)
FROM verdict WHERE false_positives > allow
UNION ALL
SELECT format('%s: masks take %s %% beyond the truth mask, %s %% allowed', file, round((100 * mask_beyond)::numeric, 2), 100 * mask_allow)
FROM verdict WHERE mask_beyond > mask_allow
UNION ALL
SELECT format('%s: no difference was made, so nothing was searched', file) FROM verdict WHERE mask_beyond IS NULL
UNION ALL
SELECT format('transient %s: its epochs did not become one object', id) FROM split
UNION ALL
SELECT 'fewer than 120 transients were simulated' WHERE (SELECT count(DISTINCT id) FROM truth WHERE kind = 'transient') < 120;

DO $$
DECLARE
    text text;
BEGIN
    SELECT string_agg('  ' || message, E'\n') INTO text FROM pg_temp.failures;
    IF text IS NOT NULL THEN
        RAISE EXCEPTION E'the night does not meet its bounds:\n%', text;
    END IF;
END $$;
\echo 'All bounds are met.'
