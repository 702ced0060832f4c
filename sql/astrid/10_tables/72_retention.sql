-- What outlives the ring, and what is on its way out.

-- A partition of its own beside the ring's: whoever reads astrid.history finds these jobs too.
CREATE TABLE astrid.history_kept PARTITION OF astrid.history FOR VALUES IN (8);
CREATE INDEX history_kept_queue ON astrid.history_kept (queue_id, finished_at);
CREATE INDEX history_kept_result ON astrid.history_kept (queue_id, finished_at) WHERE result IS NOT NULL;
COMMENT ON TABLE astrid.history_kept IS 'Finished jobs of queues whose retention is longer than a turn of the ring.';

CREATE INDEX dead_finished ON astrid.dead (queue_id, finished_at);

CREATE TABLE astrid.former_attempts (
    job_id   bigint PRIMARY KEY,
    attempts jsonb NOT NULL
);
COMMENT ON TABLE astrid.former_attempts IS
    'Attempts of unfinished jobs that the ring may not remember when the job dies: those of before a redrive, and those of a week ago.';
COMMENT ON COLUMN astrid.former_attempts.job_id IS 'Job of the attempts.';
COMMENT ON COLUMN astrid.former_attempts.attempts IS 'The attempts, as in astrid.dead.';

CREATE TABLE astrid.ring_slot (
    day       date NOT NULL,
    block     bigint NOT NULL DEFAULT 0,
    slot      smallint NOT NULL,
    ring      text NOT NULL,
    leaving   int[] NOT NULL DEFAULT '{}',
    blanking  int[] NOT NULL DEFAULT '{}',
    left_for  int[] NOT NULL DEFAULT '{}',
    blank_for int[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (ring, slot)
);
COMMENT ON TABLE astrid.ring_slot IS 'How far maintenance is with what retention takes out of the slots of the rings.';
COMMENT ON COLUMN astrid.ring_slot.day IS 'Day whose rows the slot has.';
COMMENT ON COLUMN astrid.ring_slot.block IS 'Next block of the walk that is going on; 0: none is.';
COMMENT ON COLUMN astrid.ring_slot.slot IS 'Slot of the ring.';
COMMENT ON COLUMN astrid.ring_slot.ring IS 'The ring: history, attempt or job_log.';
COMMENT ON COLUMN astrid.ring_slot.leaving IS 'Queues whose rows this walk takes out.';
COMMENT ON COLUMN astrid.ring_slot.blanking IS 'Queues whose results this walk removes.';
COMMENT ON COLUMN astrid.ring_slot.left_for IS 'Queues whose rows are out.';
COMMENT ON COLUMN astrid.ring_slot.blank_for IS 'Queues whose results are gone.';

CREATE SEQUENCE astrid.export_seq;
COMMENT ON SEQUENCE astrid.export_seq IS 'Numbers of exported rows.';

CREATE TABLE astrid.exported (
    export_id   bigint NOT NULL DEFAULT nextval('astrid.export_seq'),
    exported_at timestamptz NOT NULL DEFAULT astrid.clock(),
    queue_name  text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('history', 'dead', 'attempt', 'log', 'result')),
    "row"       jsonb NOT NULL,
    PRIMARY KEY (queue_name, export_id)
);
COMMENT ON TABLE astrid.exported IS 'Rows that retention removed from queues with export, until astrid_take_exported takes them.';
COMMENT ON COLUMN astrid.exported.export_id IS 'Number of the row: grows in the order of removal.';
COMMENT ON COLUMN astrid.exported.exported_at IS 'When it was removed.';
COMMENT ON COLUMN astrid.exported.queue_name IS 'Queue that it belonged to.';
COMMENT ON COLUMN astrid.exported.kind IS 'history, dead, attempt, log, or result (of a job that is still in history).';
COMMENT ON COLUMN astrid.exported."row" IS 'The row.';
