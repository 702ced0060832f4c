-- Append only: a vote outlives a detection that a second run replaced.
CREATE TABLE sky.curation_votes (
    vote_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id      bigint NOT NULL,
    detection_id bigint NOT NULL,
    object_id    bigint,
    verdict      text NOT NULL CHECK (verdict IN ('confirmed', 'rejected', 'ambiguous')),
    reason       text,
    voter        text NOT NULL,
    is_rule      boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX curation_votes_object ON sky.curation_votes (object_id, vote_id);
CREATE INDEX curation_votes_task ON sky.curation_votes (task_id);
COMMENT ON TABLE sky.curation_votes IS 'every verdict on a detection; rows are only added';
COMMENT ON COLUMN sky.curation_votes.vote_id IS 'number of the vote';
COMMENT ON COLUMN sky.curation_votes.task_id IS 'task that was voted on';
COMMENT ON COLUMN sky.curation_votes.detection_id IS 'detection of the task';
COMMENT ON COLUMN sky.curation_votes.object_id IS 'object of the task';
COMMENT ON COLUMN sky.curation_votes.verdict IS 'confirmed, rejected or ambiguous';
COMMENT ON COLUMN sky.curation_votes.reason IS 'dipole, bad_subtraction, cosmic_ray, asteroid, supernova, ... or free text';
COMMENT ON COLUMN sky.curation_votes.voter IS 'who voted: the session''s user, or the rule';
COMMENT ON COLUMN sky.curation_votes.is_rule IS 'true: a rule of sky.settings voted, no person';
COMMENT ON COLUMN sky.curation_votes.created_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('sky.curation_votes', '');
SELECT pg_catalog.pg_extension_config_dump('sky.curation_votes_vote_id_seq', '');
