-- What a plan chose (reference, calibration frames), so that the commit writes down what was used and not what would
-- be chosen by then. One row per job in work; the commit takes it away.
CREATE TABLE sky.plans (
    job_id     bigint PRIMARY KEY,
    lease_id   bigint NOT NULL,
    choice     jsonb NOT NULL,
    planned_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE sky.plans IS 'what the plans of running jobs chose';
COMMENT ON COLUMN sky.plans.job_id IS 'job';
COMMENT ON COLUMN sky.plans.lease_id IS 'lease under which it was planned';
COMMENT ON COLUMN sky.plans.choice IS 'image and calibration numbers that the plan chose';
COMMENT ON COLUMN sky.plans.planned_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('sky.plans', '');
