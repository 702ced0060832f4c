-- Written by extension/depend.c, taken away by extension/children.c: the columns keep their order.
CREATE TABLE astrid.dependency (
    parent_id bigint NOT NULL,
    child_id  bigint NOT NULL,
    any_of    boolean NOT NULL,
    failure   text NOT NULL CHECK (failure IN ('wait', 'cancel', 'run')),
    PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX dependency_child ON astrid.dependency (child_id, parent_id);
COMMENT ON TABLE astrid.dependency IS 'Which blocked job waits for which; a row goes when its parent ends, all of a child''s when it waits no more.';
COMMENT ON COLUMN astrid.dependency.parent_id IS 'The job that must end first.';
COMMENT ON COLUMN astrid.dependency.child_id IS 'The job that waits.';
COMMENT ON COLUMN astrid.dependency.any_of IS 'True: the child waits for the first of its parents (depends_mode any), else for all of them.';
COMMENT ON COLUMN astrid.dependency.failure IS
    'What a parent that is dead or cancelled means (depends_failure): wait, cancel or run.';
