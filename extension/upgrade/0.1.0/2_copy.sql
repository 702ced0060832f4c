-- Every row goes to the table of the same name. New columns take their default, or these values.
CREATE TABLE astrid_0_1_0.new_value (name text, new_column text, new_value text);
INSERT INTO astrid_0_1_0.new_value
    SELECT t, 'lane', 'greatest(least(priority, 1073741823), -1073741823) * 2 + 1'
      FROM unnest('{ready,waiting,running,dead,history}'::text[]) t
    UNION ALL
    SELECT t, 'crashes', '0' FROM unnest('{ready,waiting,running,dead,history}'::text[]) t
    UNION ALL
    SELECT 'job_log', 'queue_id', 'coalesce(' || string_agg(format(
               '(SELECT j.queue_id FROM astrid_0_1_0.%I j WHERE j.job_id = job_log.job_id LIMIT 1)', t), ', ') || ', 0)'
      FROM unnest('{running,history,dead,waiting,ready}'::text[]) t
    UNION ALL
    SELECT 'waiting', c, format('(SELECT %s FROM astrid_0_1_0.dependency d WHERE d.child_id = waiting.job_id AND waiting.blocked)', v)
      FROM (VALUES ('parents_left', 'nullif(count(*), 0)'), ('parents', 'array_agg(d.parent_id ORDER BY d.parent_id)')) n (c, v)
    UNION ALL
    VALUES ('waiting', 'parked', 'false');

-- A row for each parent and child there; here one holds up to 100 children.
INSERT INTO astrid.dependency (parent_id, child_ids, child_places, any_of, failure)
    SELECT parent_id, array_agg(child_id ORDER BY child_id), '{}', false, 'wait'
      FROM (SELECT d.*, (row_number() OVER (PARTITION BY parent_id ORDER BY child_id) - 1) / 100 AS part
              FROM astrid_0_1_0.dependency d) p
     GROUP BY parent_id, part;

DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT c.relname AS name, string_agg(n.target, ', ' ORDER BY n.place) AS targets,
               string_agg(n.source, ', ' ORDER BY n.place) AS sources
          FROM pg_class c,
               LATERAL (SELECT a.attnum, quote_ident(a.attname), quote_ident(a.attname) FROM pg_attribute a
                         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                        UNION ALL
                        SELECT 1000, v.new_column, v.new_value FROM astrid_0_1_0.new_value v
                         WHERE v.name = c.relname) AS n (place, target, source)
         WHERE c.relnamespace = 'astrid_0_1_0'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND c.relname NOT IN ('new_value', 'dependency')
         GROUP BY c.relname
    LOOP
        EXECUTE format('INSERT INTO astrid.%I (%s) SELECT %s FROM astrid_0_1_0.%1$I', t.name, t.targets, t.sources);
    END LOOP;
END
$$;
