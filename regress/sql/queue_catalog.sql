-- The catalog: every object has its comment, every table is dumped, C and SQL agree about the columns.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;

-- without a comment (columns of ring partitions are those of their ring)
SELECT p.oid::regprocedure AS function FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'astrid'
 WHERE obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass AS relation FROM pg_class c
 WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT c.oid::regclass AS relation, a.attname AS column FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
   AND col_description(c.oid, a.attnum) IS NULL;
SELECT n.nspname AS schema FROM pg_namespace n WHERE nspname = 'astrid' AND obj_description(n.oid, 'pg_namespace') IS NULL;

-- not dumped; triggers that would fire at a restore, but for those that count what is restored
SELECT c.oid::regclass AS relation FROM pg_class c, pg_extension e
 WHERE c.relnamespace = 'astrid'::regnamespace AND c.relkind IN ('r', 'S') AND e.extname = 'astrid' AND c.oid <> ALL (e.extconfig);
SELECT count(*) AS triggers FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'astrid'::regnamespace
   AND t.tgname NOT IN ('count_rows', 'count_truncated', 'forget_totals');

-- the order of the columns that extension/store.h and queues.c count on
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'astrid'::regnamespace AND c.relname IN ('ready', 'waiting', 'running', 'history', 'history_0', 'queue', 'dependency', 'event_0', 'subscription')
 GROUP BY 1 ORDER BY 1;
SELECT count(*) AS partitions FROM pg_inherits WHERE inhparent = 'astrid.history'::regclass;

-- heartbeats stay HOT: no index on what they change
SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
 WHERE i.indrelid = 'astrid.running'::regclass AND a.attname IN ('lease_until', 'progress', 'step', 'message', 'command');
