-- One task per unflagged detection: is it real? Votes are kept apart and never changed.
CREATE TABLE sky.curation_tasks (
    task_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    detection_id   bigint NOT NULL UNIQUE,
    observation_id bigint NOT NULL,
    object_id      bigint,
    state          text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'candidate', 'confirmed', 'rejected', 'ambiguous')),
    reason         text,
    notified_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX curation_tasks_open ON sky.curation_tasks (created_at) WHERE state IN ('new', 'candidate', 'ambiguous');
CREATE INDEX curation_tasks_observation ON sky.curation_tasks (observation_id);
CREATE INDEX curation_tasks_object ON sky.curation_tasks (object_id);
COMMENT ON TABLE sky.curation_tasks IS 'is this detection real? one task per unflagged detection';
COMMENT ON COLUMN sky.curation_tasks.task_id IS 'number of the task';
COMMENT ON COLUMN sky.curation_tasks.detection_id IS 'detection in question';
COMMENT ON COLUMN sky.curation_tasks.observation_id IS 'its observation';
COMMENT ON COLUMN sky.curation_tasks.object_id IS 'its object';
COMMENT ON COLUMN sky.curation_tasks.state IS 'new (not looked at), candidate (passed the thresholds), confirmed, rejected, ambiguous';
COMMENT ON COLUMN sky.curation_tasks.reason IS 'why it is in that state';
COMMENT ON COLUMN sky.curation_tasks.notified_at IS 'when the alert was sent';
COMMENT ON COLUMN sky.curation_tasks.created_at IS 'when the task was opened';
COMMENT ON COLUMN sky.curation_tasks.updated_at IS 'when its state changed last';
SELECT pg_catalog.pg_extension_config_dump('sky.curation_tasks', '');
SELECT pg_catalog.pg_extension_config_dump('sky.curation_tasks_task_id_seq', '');
