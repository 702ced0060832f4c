-- Angles in degrees, ICRS. q3c_join() calls its parts through the search_path, which definer functions pin; this is the same
-- condition (Koposov & Bartunov 2006, ASPC 351, 735) with every name written out. ra2, dec2 must be the indexed columns.
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
