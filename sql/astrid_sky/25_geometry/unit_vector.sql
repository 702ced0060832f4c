-- Means and interpolations of places are taken in vectors, where right ascension does not wrap.
CREATE FUNCTION sky.unit_vector(ra float8, "dec" float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[cosd(dec) * cosd(ra), cosd(dec) * sind(ra), sind(dec)]
$$;
COMMENT ON FUNCTION sky.unit_vector(float8, float8) IS 'a place as a vector of length 1';
