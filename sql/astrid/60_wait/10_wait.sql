-- A procedure without output arguments, without SET and not SECURITY DEFINER: in any other form the statement's
-- snapshot would stay for as long as it sleeps.
CREATE PROCEDURE astrid.wait(queues text[] DEFAULT NULL, timeout interval DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'astrid_wait';

COMMENT ON PROCEDURE astrid.wait(text[], interval) IS
    'Sleeps until a job becomes ready in one of the queues (null: in any), or the timeout (null: 15 s, at most '
    'astrid.wait_max) is over; returns at once when one became ready since this session last claimed. A statement of '
    'its own, outside of any transaction block. What it returns is a hint: claim, and see.';
