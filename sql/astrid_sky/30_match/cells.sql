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
