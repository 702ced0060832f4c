-- Limits are rows, not counters: what is written in a transaction goes away with it, so that no crash and no abort can
-- leave a place taken or free (docs/adr/013-limits.md).

-- A claim from a queue with a limit takes tokens and lays back what is left; a job that ends lays its token back. Claims
-- walk the key as they walk that of astrid.ready (extension/walk.c).
CREATE TABLE astrid.token (
    queue_id int NOT NULL,
    lane     int NOT NULL CHECK (lane BETWEEN 0 AND 3),
    position bigint NOT NULL,
    units    int NOT NULL CHECK (units > 0),
    free_at  timestamptz NOT NULL,
    PRIMARY KEY (queue_id, lane, position)
);
COMMENT ON TABLE astrid.token IS 'What is left of the limits of queues: a job needs a unit of each to start.';
COMMENT ON COLUMN astrid.token.queue_id IS 'Queue whose limit it is.';
COMMENT ON COLUMN astrid.token.lane IS
    '0: concurrency. 1: rate, unspent. 2: rate, spent until free_at. 3: concurrency that was withdrawn while jobs had it.';
COMMENT ON COLUMN astrid.token.position IS 'Drawn from job_seq: only grows.';
COMMENT ON COLUMN astrid.token.units IS 'Jobs that may start for it.';
COMMENT ON COLUMN astrid.token.free_at IS 'Not to be used earlier.';

CREATE TABLE astrid.group_slot (
    queue_id  int NOT NULL,
    group_key text NOT NULL,
    job_id    bigint NOT NULL,
    key_hash  bigint NOT NULL GENERATED ALWAYS AS (astrid._key_hash(queue_id, group_key)) STORED
);
CREATE INDEX group_slot_key_hash ON astrid.group_slot USING hash (key_hash);
COMMENT ON TABLE astrid.group_slot IS 'Jobs that count towards the concurrency of their group.';
COMMENT ON COLUMN astrid.group_slot.queue_id IS 'Queue with the limit.';
COMMENT ON COLUMN astrid.group_slot.group_key IS 'The group.';
COMMENT ON COLUMN astrid.group_slot.job_id IS 'The job.';
COMMENT ON COLUMN astrid.group_slot.key_hash IS 'Number by which the places of the group are found.';

-- Generic cell rate algorithm (ITU-T I.371): one time per bucket instead of a level and a time.
CREATE TABLE astrid.bucket (
    queue_id int NOT NULL,
    name     text NOT NULL,
    full_at  timestamptz NOT NULL,
    PRIMARY KEY (queue_id, name)
);
COMMENT ON TABLE astrid.bucket IS 'Token buckets of groups and of producers that are not full.';
COMMENT ON COLUMN astrid.bucket.queue_id IS 'Queue with the limit.';
COMMENT ON COLUMN astrid.bucket.name IS 'group: and the group_key, or producer: and the role or group_key.';
COMMENT ON COLUMN astrid.bucket.full_at IS 'When it is full again if nothing is taken until then.';
