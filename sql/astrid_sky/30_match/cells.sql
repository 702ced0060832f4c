-- Locks on pieces of sky. The sky is cut into boxes of declination zones; every box that a circle about a detection
-- touches is locked before objects are looked up, so that of two jobs that find the same new thing the second waits,
-- and then sees the first one's object.

-- 'sky' in ASCII: keeps our advisory locks apart from the user's.
CREATE FUNCTION sky.lock_class() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 7564153 $$;
COMMENT ON FUNCTION sky.lock_class() IS 'first key of the advisory locks taken here';

CREATE FUNCTION sky.require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- With an older snapshot the rows that the lock waited for stay invisible.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'sky.commit must run in a READ COMMITTED transaction' USING ERRCODE = 'QJ006';
    END IF;
END $$;
COMMENT ON FUNCTION sky.require_read_committed() IS 'raises unless statements see what was committed before they began';

-- A box in (ra, dec) that is smaller than a cell touches only the cells of its corners. The zones next to the poles
-- are one cell each: right ascension means nothing there.
CREATE FUNCTION sky.cells(ra float8, "dec" float8, radius float8) RETURNS SETOF int
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT DISTINCT z.zone * 1440 + CASE
        WHEN z.zone <= 3 OR z.zone >= 716 THEN 0
        ELSE floor((CASE WHEN e.edge < 0 THEN e.edge + 360 WHEN e.edge >= 360 THEN e.edge - 360 ELSE e.edge END)
                   / 360 * greatest(1, floor(1440 * cosd(least(90, abs(z.zone * 0.25 - 89.875) + 0.125)))))::int END
    FROM (SELECT DISTINCT least(719, greatest(0, floor((dec + side * radius + 90) / 0.25)))::int AS zone
          FROM unnest(ARRAY[-1, 1]) AS side) AS z,
         LATERAL (SELECT ra + side * radius / cosd(least(89, abs(dec) + radius)) AS edge
                  FROM unnest(ARRAY[-1, 1]) AS side) AS e
$$;
COMMENT ON FUNCTION sky.cells(float8, float8, float8) IS 'cells of about 0.25 deg that a circle (deg; radius below 0.1) touches';

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
