-- Written by extension/event.c, read by subscription.c: the columns keep their order.

CREATE SEQUENCE astrid.event_seq CACHE 32;
COMMENT ON SEQUENCE astrid.event_seq IS 'Numbers of events; each session draws some ahead.';

-- A number is drawn before its transaction commits: who reads on from the last number misses what commits late. The
-- number of the transaction says how far nothing can come any more (astrid.events).
--
-- What happened to a job is kept in columns, key and payload are made of them when somebody reads (astrid.event_log):
-- a job's end is to cost little.
CREATE TABLE astrid.event (
    event_id     bigint NOT NULL,
    xid          xid8 NOT NULL,
    published_at timestamptz NOT NULL,
    job_id       bigint,
    attempt      int,
    slot         smallint NOT NULL,
    topic        text NOT NULL,
    key          text,
    payload      jsonb,
    state        text,
    group_key    text,
    worker       text,
    error        text
) PARTITION BY LIST (slot);
CREATE INDEX event_order ON astrid.event (xid, event_id);
COMMENT ON TABLE astrid.event IS 'Published events: a daily ring as history.';
COMMENT ON COLUMN astrid.event.event_id IS 'Number of the event.';
COMMENT ON COLUMN astrid.event.xid IS 'Transaction that published it; 0: it comes from a dump.';
COMMENT ON COLUMN astrid.event.published_at IS 'When it was published.';
COMMENT ON COLUMN astrid.event.job_id IS 'Job that it is about; null: somebody published it, and the other columns of jobs are null too.';
COMMENT ON COLUMN astrid.event.attempt IS 'Attempts begun so far.';
COMMENT ON COLUMN astrid.event.slot IS 'Partition of the ring: day modulo 8.';
COMMENT ON COLUMN astrid.event.topic IS 'What it is about: words with dots between them.';
COMMENT ON COLUMN astrid.event.key IS 'Whom it is about; free text of the publisher.';
COMMENT ON COLUMN astrid.event.payload IS 'What it says; null for the event of a job.';
COMMENT ON COLUMN astrid.event.state IS 'The job''s new state.';
COMMENT ON COLUMN astrid.event.group_key IS 'Group of the job.';
COMMENT ON COLUMN astrid.event.worker IS 'Worker that had it.';
COMMENT ON COLUMN astrid.event.error IS 'Its error, the first 1000 bytes.';

CREATE TABLE astrid.subscription (
    subscription text PRIMARY KEY CHECK (subscription ~ '^[A-Za-z0-9_.:/-]{1,63}$'),
    pattern      text NOT NULL,
    queue_id     int NOT NULL,
    created_at   timestamptz NOT NULL
);
COMMENT ON TABLE astrid.subscription IS 'Which events become jobs of which queue.';
COMMENT ON COLUMN astrid.subscription.subscription IS 'Name: letters, digits, and _ . : / -; at most 63.';
COMMENT ON COLUMN astrid.subscription.pattern IS 'Topics: * is one word, # any number of words.';
COMMENT ON COLUMN astrid.subscription.queue_id IS 'Queue that gets a job for each event.';
COMMENT ON COLUMN astrid.subscription.created_at IS 'When it was made or last changed.';
