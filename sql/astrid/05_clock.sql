CREATE FUNCTION astrid.clock() RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'astrid_clock';
COMMENT ON FUNCTION astrid.clock() IS
    'The present as the queue sees it: the wall clock, or astrid.test_clock where a test has set it.';

CREATE FUNCTION astrid._ring_slot(at timestamptz) RETURNS smallint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'astrid_ring_slot';
COMMENT ON FUNCTION astrid._ring_slot(timestamptz) IS 'Slot of a daily ring that rows of this time belong to.';
