-- What the catalogue must say of schema sky: comments everywhere, nothing for PUBLIC, every table dumped, every definer
-- function with a pinned search_path, and who may do what.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
CREATE EXTENSION IF NOT EXISTS q3c;
CREATE EXTENSION astrid_sky;

SELECT c.relname AS without_comment, a.attname
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'sky'::regnamespace AND c.relkind IN ('r', 'v', 'p')
  AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)
ORDER BY 1, 2;
SELECT p.oid::regprocedure AS without_comment FROM pg_proc p
WHERE p.pronamespace = 'sky'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1;
SELECT c.relname AS not_dumped FROM pg_class c
WHERE c.relnamespace = 'sky'::regnamespace AND c.relkind IN ('r', 'S')
  AND c.oid <> ALL ((SELECT extconfig FROM pg_extension WHERE extname = 'astrid_sky')::oid[]) ORDER BY 1;
SELECT conrelid::regclass AS breaks_parallel_restore FROM pg_constraint WHERE connamespace = 'sky'::regnamespace AND contype = 'f';
SELECT p.oid::regprocedure AS definer_without_path FROM pg_proc p
WHERE p.pronamespace = 'sky'::regnamespace AND p.prosecdef
  AND p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}' ORDER BY 1;
SELECT p.oid::regprocedure AS for_public FROM pg_proc p
WHERE p.pronamespace = 'sky'::regnamespace
  AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = 0)) ORDER BY 1;
SELECT count(*) AS rows_from_script FROM pg_class c,
     LATERAL (SELECT (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]::text) AS n (n)
WHERE c.relnamespace = 'sky'::regnamespace AND c.relkind = 'r' AND n.n <> '0';

-- The matrix: functions and tables by role.
SELECT p.oid::regprocedure::text AS function, string_agg(r.rolname, ' ' ORDER BY r.rolname) AS may_call
FROM pg_proc p JOIN pg_roles r ON r.rolname IN ('astrid_admin', 'astrid_producer', 'astrid_worker', 'astrid_reader')
     AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
WHERE p.pronamespace = 'sky'::regnamespace GROUP BY p.oid ORDER BY 1;
SELECT c.relname, string_agg(r.rolname, ' ' ORDER BY r.rolname) AS may_write
FROM pg_class c JOIN pg_roles r ON r.rolname IN ('astrid_admin', 'astrid_producer', 'astrid_worker', 'astrid_reader')
     AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
WHERE c.relnamespace = 'sky'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY c.oid, 1 ORDER BY 1;
SELECT r.rolname, bool_and(has_table_privilege(r.oid, c.oid, 'SELECT')) AS reads_all
FROM pg_class c, pg_roles r
WHERE c.relnamespace = 'sky'::regnamespace AND c.relkind IN ('r', 'v')
  AND r.rolname IN ('astrid_admin', 'astrid_producer', 'astrid_worker', 'astrid_reader') GROUP BY 1 ORDER BY 1;

-- As a worker: plan and commit work, through definer rights only; the tables and helpers are out of reach.
SELECT sky.install_defaults();
SELECT sky.ingest('/data/p.fits') > 0 AS enqueued;
CREATE ROLE regress_sky_worker LOGIN IN ROLE astrid_worker;
CREATE ROLE regress_sky_nobody;
SET SESSION AUTHORIZATION regress_sky_worker;
SELECT job_id, lease_id FROM astrid.claim(ARRAY['observation_ingestion'], 'w') \gset
SELECT sky.plan(:job_id, :lease_id) -> 'steps' -> 0 ->> 'stage' AS stage;
SELECT sky.commit(:job_id, :lease_id, jsonb_build_array(jsonb_build_object('stage', 'ingest', 'result',
    jsonb_build_object('kind', 'image', 'hdu', 0, 'naxis1', 10, 'naxis2', 10, 'sha256', repeat('a', 64)))));
SELECT uri, kind, ra, warnings FROM sky.observations;
INSERT INTO sky.detections DEFAULT VALUES;
UPDATE sky.observations SET kind = 'bias';
SELECT sky.associate(1);
SELECT sky.vote(1, 'confirmed');
SELECT sky.ingest('/data/q.fits');
SET SESSION AUTHORIZATION regress_sky_nobody;
SELECT * FROM sky.observations;
SELECT sky.setting('association_radius');
RESET SESSION AUTHORIZATION;
DROP ROLE regress_sky_worker, regress_sky_nobody;

-- Only in q3c's schema.
DROP EXTENSION astrid_sky;
CREATE SCHEMA regress_elsewhere;
CREATE EXTENSION astrid_sky SCHEMA regress_elsewhere;
DROP EXTENSION q3c;
CREATE EXTENSION q3c SCHEMA regress_elsewhere;
CREATE EXTENSION astrid_sky SCHEMA regress_elsewhere;
SELECT sky.near(0, 0, 0.001, 0, 0.01) AS near, round(sky.overlap('{0,0,1,0,1,1,0,1}', '{0.5,0,1.5,0,1.5,1,0.5,1}')::numeric, 1) AS half;
DROP EXTENSION astrid_sky, q3c;
DROP SCHEMA regress_elsewhere;
-- Leave no job behind for other tests.
SELECT count(astrid.drop_queue(q)) AS dropped FROM unnest('{observation_ingestion, preprocessing, differencing, detection, curation, notification}'::text[]) AS q;
