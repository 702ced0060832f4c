-- Bytes are compared, which is all that equality needs. Unlogged: every row follows from the jobs and windows, and is
-- written again from them after a crash (docs/adr/016-derived-keys.md).
CREATE UNLOGGED TABLE astrid.unique_key (
    queue_id   int NOT NULL,
    unique_key text COLLATE "C" NOT NULL,
    job_id     bigint NOT NULL,
    next_id    bigint,
    held_until timestamptz,
    finished   boolean NOT NULL DEFAULT false,
    key_hash   bigint NOT NULL GENERATED ALWAYS AS (astrid._key_hash(queue_id, unique_key)) STORED,
    PRIMARY KEY (key_hash, queue_id, unique_key)
);
COMMENT ON TABLE astrid.unique_key IS 'Unique keys of live jobs: held from enqueue to the final state, or until a window is over.';
COMMENT ON COLUMN astrid.unique_key.queue_id IS 'Queue in which the key is unique.';
COMMENT ON COLUMN astrid.unique_key.unique_key IS 'The key.';
COMMENT ON COLUMN astrid.unique_key.job_id IS 'The job that holds it.';
COMMENT ON COLUMN astrid.unique_key.next_id IS 'The job that waits until the holder has ended and then has the key; null: none.';
COMMENT ON COLUMN astrid.unique_key.held_until IS 'The key stays taken until then even if the job ends earlier; null: no window.';
COMMENT ON COLUMN astrid.unique_key.finished IS 'True: the job has ended, only its window holds the key.';
COMMENT ON COLUMN astrid.unique_key.key_hash IS 'Number by which the key is found.';

-- Two rows of one key where the job that waits for it has a window of its own, or where only a window holds it: the later
-- one counts.
CREATE TABLE astrid.unique_window (
    free_at    timestamptz NOT NULL,
    job_id     bigint NOT NULL,
    queue_id   int NOT NULL,
    unique_key text COLLATE "C" NOT NULL,
    key_hash   bigint NOT NULL GENERATED ALWAYS AS (astrid._key_hash(queue_id, unique_key)) STORED
);
CREATE INDEX unique_window_free_at ON astrid.unique_window (free_at);
CREATE INDEX unique_window_key_hash ON astrid.unique_window USING hash (key_hash);
COMMENT ON TABLE astrid.unique_window IS 'Windows of unique keys, written when the key is taken and when its job ends before; maintenance deletes them when they are over.';
COMMENT ON COLUMN astrid.unique_window.free_at IS 'When the window is over.';
COMMENT ON COLUMN astrid.unique_window.job_id IS 'The job that was enqueued with it.';
COMMENT ON COLUMN astrid.unique_window.queue_id IS 'Queue of the key.';
COMMENT ON COLUMN astrid.unique_window.unique_key IS 'The key.';
COMMENT ON COLUMN astrid.unique_window.key_hash IS 'Number by which the key is found.';

-- How it is known that astrid.unique_key is complete. A crash, a promotion and a dump without unlogged tables leave the
-- first with rows that the second has not.
CREATE TABLE astrid.key_epoch (
    epoch bigint NOT NULL
);
COMMENT ON TABLE astrid.key_epoch IS 'A number for the last time that the unique keys were written from the jobs.';
COMMENT ON COLUMN astrid.key_epoch.epoch IS 'Drawn by chance.';
CREATE UNLOGGED TABLE astrid.key_epoch_kept (
    epoch bigint NOT NULL
);
COMMENT ON TABLE astrid.key_epoch_kept IS 'The same number, for as long as nothing has emptied the unlogged tables.';
COMMENT ON COLUMN astrid.key_epoch_kept.epoch IS 'As in astrid.key_epoch.';
WITH first AS (INSERT INTO astrid.key_epoch VALUES ((random() * 9e18)::bigint) RETURNING epoch)
INSERT INTO astrid.key_epoch_kept SELECT epoch FROM first;

-- Only jobs with a deadline have a row. It stays behind when its job ends: maintenance deletes it when it is due. No key:
-- a job that is replaced may get the same deadline twice.
CREATE TABLE astrid.deadline (
    at     timestamptz NOT NULL,
    job_id bigint NOT NULL
);
CREATE INDEX deadline_at ON astrid.deadline (at);
COMMENT ON TABLE astrid.deadline IS 'Deadlines of jobs, in the order in which they pass.';
COMMENT ON COLUMN astrid.deadline.at IS 'The deadline.';
COMMENT ON COLUMN astrid.deadline.job_id IS 'The job that has, or had, it.';
