-- Roles: who may call what, and that nothing is open to everybody.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;

-- the matrix: role x function
SELECT replace(p.proname, 'astrid_', '') AS function,
       string_agg(substr(r.rolname, 8), ' ' ORDER BY r.rolname)
           FILTER (WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE')) AS roles
  FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'astrid'
  CROSS JOIN pg_roles r
 WHERE r.rolname IN ('astrid_admin', 'astrid_producer', 'astrid_worker', 'astrid_reader') AND p.pronamespace <> 'astrid'::regnamespace
 GROUP BY 1 ORDER BY 1;

-- the same function under its other name: same source, same privileges
SELECT count(*) AS twins_that_differ
  FROM pg_proc a
  JOIN pg_proc b ON b.proname = 'astrid_' || a.proname AND b.pronamespace <> a.pronamespace
 WHERE a.pronamespace = 'astrid'::regnamespace
   AND (a.prosrc, a.proacl::text, a.prosecdef, a.proconfig, a.provolatile, a.proargnames, pg_get_function_arguments(a.oid))
       IS DISTINCT FROM (b.prosrc, b.proacl::text, b.prosecdef, b.proconfig, b.provolatile, b.proargnames, pg_get_function_arguments(b.oid));
SELECT a.proname AS without_twin FROM pg_proc a
 WHERE a.pronamespace = 'astrid'::regnamespace AND a.proname !~ '^_'
   AND NOT EXISTS (SELECT FROM pg_proc b WHERE b.proname = 'astrid_' || a.proname AND b.pronamespace <> a.pronamespace);

-- nothing for PUBLIC; definer functions pin their search_path; tables are closed to all but their owner
SELECT p.oid::regprocedure AS open_to_public
  FROM pg_proc p, aclexplode(p.proacl) a, pg_depend d, pg_extension e
 WHERE a.grantee = 0 AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refobjid = e.oid AND e.extname = 'astrid';
SELECT p.oid::regprocedure AS without_acl
  FROM pg_proc p, pg_depend d, pg_extension e
 WHERE p.proacl IS NULL AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refobjid = e.oid AND e.extname = 'astrid';
SELECT p.oid::regprocedure AS not_pinned
  FROM pg_proc p
 WHERE p.pronamespace = 'astrid'::regnamespace AND p.prosecdef
   AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, astrid, pg_temp'], false);
SELECT c.oid::regclass AS open_table FROM pg_class c
 WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'p', 'S') AND c.relacl IS NOT NULL;

-- in practice
SELECT astrid_create_queue('pr');
CREATE ROLE pr_nobody;
CREATE ROLE pr_producer IN ROLE astrid_producer;
CREATE ROLE pr_worker IN ROLE astrid_worker;
CREATE ROLE pr_reader IN ROLE astrid_reader;
SET ROLE pr_nobody;
SELECT astrid_enqueue('pr', '{}');
SELECT count(*) FROM astrid.job_status;
SET ROLE pr_producer;
SELECT astrid_enqueue('pr', '{}', unique_key => 'k') > 0 AS enqueued;
SELECT astrid_claim(ARRAY['pr'], 'w');
INSERT INTO astrid.ready SELECT;
SET ROLE pr_worker;
SELECT astrid_complete(job_id, lease_id) FROM astrid_claim(ARRAY['pr'], 'w');
SELECT astrid_heartbeat('pr_w');
SELECT astrid_drop_queue('pr');
SET astrid.test_clock = '2030-01-01';
SET ROLE pr_reader;
SELECT state, jsonb_typeof(astrid_job(job_id)) AS job, astrid_why(job_id) LIKE 'completed%' AS why FROM astrid.job_status WHERE queue_name = 'pr';
SELECT status, memory_usage FROM astrid.worker_status WHERE worker_id = 'pr_w';
SELECT queue_name FROM astrid.queue_status WHERE queue_name = 'pr';
SELECT count(*) FROM astrid.history;
SELECT astrid_enqueue('pr', '{}');
RESET ROLE;

-- a function given to a role by hand works without the schema, unique keys too
GRANT EXECUTE ON FUNCTION astrid_enqueue TO pr_nobody;
SET ROLE pr_nobody;
SELECT astrid_enqueue('pr', '{}', unique_key => 'n') > 0 AS enqueued;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION astrid_enqueue FROM pr_nobody;
SELECT astrid_drop_queue('pr');
DROP ROLE pr_nobody, pr_producer, pr_worker, pr_reader;
SELECT astrid_maintain() ->> 'swept' AS swept;
