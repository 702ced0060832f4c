-- SPDX-License-Identifier: PostgreSQL
-- Why: stops psql from running the script by hand, and stops an installation that could not find q3c.
\echo Use "CREATE EXTENSION astrid_sky" to load this file. \quit

-- Function bodies name q3c's functions through the extension's own schema: the two must be the same one. (PostgreSQL
-- 15 has no way to name another extension's schema in a script.)
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension e
                   WHERE e.extname = 'q3c' AND e.extnamespace = '@extschema@'::pg_catalog.regnamespace) THEN
        RAISE EXCEPTION 'astrid_sky must be created in the schema of q3c'
            USING ERRCODE = 'QJ006', HINT = (
                SELECT format('Use CREATE EXTENSION astrid_sky SCHEMA %I.', n.nspname)
                FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                WHERE e.extname = 'q3c');
    END IF;
END $$;

-- No foreign keys below: the tables' data is dumped, the constraints come back with CREATE EXTENSION before it, and
-- pg_restore -j fills tables in any order. Functions are the only writers, and they see to it.
CREATE SCHEMA sky;
COMMENT ON SCHEMA sky IS 'observations, images, detections and objects of a transient survey (extension astrid_sky)';
