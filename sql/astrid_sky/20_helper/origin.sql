-- Where a field was looked for, in words. "payload" is the job's, all else is a stage.
CREATE FUNCTION sky.origin(stage text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE stage WHEN 'payload' THEN 'payload' ELSE format('result of stage "%s"', stage) END
$$;
COMMENT ON FUNCTION sky.origin(text) IS 'where a field was looked for, in words for an error';
