-- Who may do what: one place. Nothing is PUBLIC's.
REVOKE ALL ON SCHEMA sky FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA sky FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sky FROM PUBLIC;

GRANT USAGE ON SCHEMA sky TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sky TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;

-- The three tables that people edit.
GRANT INSERT, UPDATE, DELETE ON sky.settings, sky.instruments, sky.quality_thresholds TO astrid_admin;

GRANT EXECUTE ON FUNCTION sky.plan(bigint, bigint), sky.commit(bigint, bigint, jsonb) TO astrid_worker;
GRANT EXECUTE ON FUNCTION sky.ingest(text, text, jsonb), sky.vote(bigint, text, text), sky.use_reference(bigint)
    TO astrid_producer, astrid_admin;
GRANT EXECUTE ON FUNCTION sky.retire_reference(bigint), sky.install_defaults() TO astrid_admin;

-- Pure geometry and settings, for everybody's queries.
GRANT EXECUTE ON FUNCTION sky.near(float8, float8, float8, float8, float8), sky.overlap(float8[], float8[]),
    sky.sample_footprint(float8[], int), sky.unit_vector(float8, float8), sky.vector_place(float8, float8, float8),
    sky.setting(text), sky.setting_number(text), sky.default_settings()
    TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
