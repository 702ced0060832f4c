-- Locks on pieces of sky, to the end of the transaction. They are taken before objects are looked up, so that of two jobs
-- that find the same new thing the second waits, and then sees the first one's object.
CREATE FUNCTION sky.lock_cells(ra float8[], "dec" float8[], radius float8) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    cell int;
    n    int := 0;
BEGIN
    PERFORM sky.require_read_committed();
    -- in sorted order, so that two jobs cannot wait for each other
    FOR cell IN SELECT DISTINCT c FROM unnest(lock_cells.ra, lock_cells.dec) AS p (ra, dec), sky.cells(p.ra, p.dec, lock_cells.radius) AS c
                WHERE p.ra IS NOT NULL AND p.dec IS NOT NULL ORDER BY c LOOP
        PERFORM pg_advisory_xact_lock(sky.lock_class(), cell);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
COMMENT ON FUNCTION sky.lock_cells(float8[], float8[], float8) IS 'locks the cells about some places to the end of the transaction; their number';
