-- 'sky' in ASCII: keeps our advisory locks apart from the user's.
CREATE FUNCTION sky.lock_class() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 7564153 $$;
COMMENT ON FUNCTION sky.lock_class() IS 'first key of the advisory locks taken here';
