-- A hand-written SKIP LOCKED queue: claim and delete in one statement. A job is lost with its worker.
DROP TABLE IF EXISTS raw_q;
CREATE TABLE raw_q (
    id bigserial PRIMARY KEY,
    priority int NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    state smallint NOT NULL DEFAULT 0,      -- 0 ready, 1 running
    attempts int NOT NULL DEFAULT 0,
    locked_at timestamptz,
    payload jsonb NOT NULL
);
CREATE INDEX raw_q_ready ON raw_q (priority, run_at, id) WHERE state = 0;
