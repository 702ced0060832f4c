-- What of a payload concerns the later jobs too.
CREATE FUNCTION sky.handed_on(payload jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('params', payload -> 'params', 'reference', payload -> 'reference'))
$$;
COMMENT ON FUNCTION sky.handed_on(jsonb) IS 'the parts of a payload that the next job gets too';
