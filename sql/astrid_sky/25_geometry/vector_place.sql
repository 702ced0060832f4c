-- The way back from vectors; the length does not matter.
CREATE FUNCTION sky.vector_place(x float8, y float8, z float8, OUT ra float8, OUT "dec" float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- adding 360 to a tiny negative angle may round to 360 itself
    SELECT CASE WHEN a >= 360 THEN a - 360 ELSE a END, atan2d(z, sqrt(x * x + y * y))
    FROM (SELECT CASE WHEN atan2d(y, x) < 0 THEN atan2d(y, x) + 360 ELSE atan2d(y, x) END) AS t (a)
$$;
COMMENT ON FUNCTION sky.vector_place(float8, float8, float8) IS 'the place that a vector points to, ra in [0, 360)';
