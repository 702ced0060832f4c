-- How long each stage took, one row per step of a committed job.
CREATE TABLE sky.stage_runs (
    job_id         bigint NOT NULL,
    lease_id       bigint NOT NULL,
    step           int NOT NULL,
    observation_id bigint,
    stage          text NOT NULL,
    version        int,
    ms             float8,
    finished_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (job_id, lease_id, step)
);
CREATE INDEX stage_runs_observation ON sky.stage_runs (observation_id);
COMMENT ON TABLE sky.stage_runs IS 'steps of committed jobs, with their time';
COMMENT ON COLUMN sky.stage_runs.job_id IS 'job';
COMMENT ON COLUMN sky.stage_runs.lease_id IS 'lease under which it was committed';
COMMENT ON COLUMN sky.stage_runs.step IS 'position in the plan, from 0';
COMMENT ON COLUMN sky.stage_runs.observation_id IS 'observation it worked on';
COMMENT ON COLUMN sky.stage_runs.stage IS 'name of the stage';
COMMENT ON COLUMN sky.stage_runs.version IS 'version of the stage';
COMMENT ON COLUMN sky.stage_runs.ms IS 'time it took, milliseconds';
COMMENT ON COLUMN sky.stage_runs.finished_at IS 'when it was committed';
SELECT pg_catalog.pg_extension_config_dump('sky.stage_runs', '');
