-- Spherical geometry that q3c does not have. Angles in degrees, ICRS.

-- q3c_join() calls its parts through the search_path, which definer functions pin; this is the same condition
-- (Koposov & Bartunov 2006, ASPC 351, 735) with every name written out. ra2, dec2 must be the indexed columns.
CREATE FUNCTION sky.near(ra1 float8, dec1 float8, ra2 float8, dec2 float8, radius float8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 0)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 1))
         OR (@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 2)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 3))
         OR (@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 4)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 5))
         OR (@extschema@.q3c_ang2ipix(ra2, dec2) >= @extschema@.q3c_nearby_it(ra1, dec1, radius, 6)
             AND @extschema@.q3c_ang2ipix(ra2, dec2) <= @extschema@.q3c_nearby_it(ra1, dec1, radius, 7)))
       AND @extschema@.q3c_sindist(ra1, dec1, ra2, dec2) < pow(sind(radius / 2), 2)
$$;
COMMENT ON FUNCTION sky.near(float8, float8, float8, float8, float8) IS 'are two places nearer than radius (deg)? uses the q3c index on ra2, dec2';

CREATE FUNCTION sky.unit_vector(ra float8, "dec" float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[cosd(dec) * cosd(ra), cosd(dec) * sind(ra), sind(dec)]
$$;
COMMENT ON FUNCTION sky.unit_vector(float8, float8) IS 'a place as a vector of length 1';

CREATE FUNCTION sky.vector_place(x float8, y float8, z float8, OUT ra float8, OUT "dec" float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- adding 360 to a tiny negative angle may round to 360 itself
    SELECT CASE WHEN a >= 360 THEN a - 360 ELSE a END, atan2d(z, sqrt(x * x + y * y))
    FROM (SELECT CASE WHEN atan2d(y, x) < 0 THEN atan2d(y, x) + 360 ELSE atan2d(y, x) END) AS t (a)
$$;
COMMENT ON FUNCTION sky.vector_place(float8, float8, float8) IS 'the place that a vector points to, ra in [0, 360)';

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

CREATE FUNCTION sky.overlap(footprint float8[], other float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT avg(@extschema@.q3c_in_poly(s.ra, s.dec, other)::int)::float8
    FROM sky.sample_footprint(footprint, 20) AS s
$$;
COMMENT ON FUNCTION sky.overlap(float8[], float8[]) IS 'fraction of a footprint that lies in another, to about 2 %';
