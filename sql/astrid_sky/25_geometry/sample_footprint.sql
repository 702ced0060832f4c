-- Cell centres of an n x n grid over the quadrilateral (bilinear in unit vectors: right across ra = 0 and at the poles).
CREATE FUNCTION sky.sample_footprint(footprint float8[], n int) RETURNS TABLE (ra float8, "dec" float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 400 AS $$
    SELECT p.ra, p.dec
    FROM (SELECT sky.unit_vector(footprint[1], footprint[2]), sky.unit_vector(footprint[3], footprint[4]),
                 sky.unit_vector(footprint[5], footprint[6]), sky.unit_vector(footprint[7], footprint[8])) AS c (a, b, c, d),
         LATERAL (SELECT (i - 0.5) / n, (j - 0.5) / n
                  FROM generate_series(1, n) AS i, generate_series(1, n) AS j) AS g (u, v),
         LATERAL (SELECT (1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v) AS w (wa, wb, wc, wd),
         LATERAL sky.vector_place(wa * a[1] + wb * b[1] + wc * c[1] + wd * d[1],
                                  wa * a[2] + wb * b[2] + wc * c[2] + wd * d[2],
                                  wa * a[3] + wb * b[3] + wc * c[3] + wd * d[3]) AS p
$$;
COMMENT ON FUNCTION sky.sample_footprint(float8[], int) IS 'n x n places spread evenly over a four-cornered footprint';
