-- Where is each observation, and why did it stop? The job that carries on is known by number, so this joins by key.
-- Files that were refused at ingestion have no observation: they are told from their dead jobs.
CREATE VIEW sky.observation_status AS
SELECT o.observation_id, o.uri, o.kind, o.instrument, o.band, o.mjd_mid_tai, o.stage AS finished_stage,
       j.queue_name AS next_stage, o.next_job_id AS job_id,
       CASE WHEN o.next_job_id IS NULL AND o.kind = 'science' AND o.stage = 'preprocessing' THEN 'waiting'
            WHEN o.next_job_id IS NULL THEN 'finished'
            WHEN j.state IS NULL THEN 'gone'
            WHEN j.state = 'dead' THEN 'stopped'
            ELSE j.state::text END AS state,
       CASE WHEN o.next_job_id IS NULL THEN o.note ELSE j.error END AS reason,
       (SELECT count(*) FROM sky.detections d WHERE d.observation_id = o.observation_id) AS n_detections,
       o.warnings, o.created_at, o.updated_at
FROM sky.observations o
LEFT JOIN astrid.job_status j ON j.job_id = o.next_job_id
UNION ALL
SELECT NULL, j.payload ->> 'uri', j.payload ->> 'kind', j.payload ->> 'instrument', j.payload ->> 'band', NULL, NULL,
       j.queue_name, j.job_id, 'stopped', j.error, 0, '{}', j.enqueued_at, j.finished_at
FROM astrid.dead_letters j
WHERE j.queue_name = 'observation_ingestion';
COMMENT ON VIEW sky.observation_status IS 'how far each observation is, and why it stopped there';
COMMENT ON COLUMN sky.observation_status.observation_id IS 'observation; null for a file that ingestion refused';
COMMENT ON COLUMN sky.observation_status.uri IS 'file';
COMMENT ON COLUMN sky.observation_status.kind IS 'science, reference, bias, dark, flat or bpm';
COMMENT ON COLUMN sky.observation_status.instrument IS 'instrument';
COMMENT ON COLUMN sky.observation_status.band IS 'band';
COMMENT ON COLUMN sky.observation_status.mjd_mid_tai IS 'middle of the exposure, MJD, TAI';
COMMENT ON COLUMN sky.observation_status.finished_stage IS 'queue that was finished last';
COMMENT ON COLUMN sky.observation_status.next_stage IS 'queue of the job that carries on, or that stopped';
COMMENT ON COLUMN sky.observation_status.job_id IS 'that job';
COMMENT ON COLUMN sky.observation_status.state IS 'state of that job; stopped: it is dead; waiting: for a reference; finished: nothing is left to do; gone: its job is no longer kept';
COMMENT ON COLUMN sky.observation_status.reason IS 'why it stopped or waits';
COMMENT ON COLUMN sky.observation_status.n_detections IS 'detections, flagged ones too';
COMMENT ON COLUMN sky.observation_status.warnings IS 'what was odd about the header';
COMMENT ON COLUMN sky.observation_status.created_at IS 'when it was ingested or enqueued';
COMMENT ON COLUMN sky.observation_status.updated_at IS 'when it moved last';
