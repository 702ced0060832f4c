-- Written by extension/depend.c, taken away by extension/edges.c: the columns keep their order. A row holds the children
-- that one call enqueued, 100 at most: so a child costs no row and no index entry of its own here.
CREATE TABLE astrid.dependency (
    parent_id    bigint NOT NULL,
    child_ids    bigint[] NOT NULL,
    child_places tid[] NOT NULL,
    any_of       boolean NOT NULL,
    failure      text NOT NULL CHECK (failure IN ('wait', 'cancel', 'run'))
);
CREATE INDEX dependency_parent ON astrid.dependency (parent_id);
COMMENT ON TABLE astrid.dependency IS
    'Which job has which jobs waiting for it; a row goes when the parent ends. Children that wait no more stay in it until then.';
COMMENT ON COLUMN astrid.dependency.parent_id IS 'The job that must end first.';
COMMENT ON COLUMN astrid.dependency.child_ids IS 'The jobs that wait, in ascending order.';
COMMENT ON COLUMN astrid.dependency.child_places IS
    'Where in astrid.waiting each of them was written: a hint that saves a look at an index, never relied on; {}: not known.';
COMMENT ON COLUMN astrid.dependency.any_of IS 'True: the children wait for the first of their parents (depends_mode any), else for all of them.';
COMMENT ON COLUMN astrid.dependency.failure IS
    'What a parent that is dead or cancelled means (depends_failure): wait, cancel or run.';
