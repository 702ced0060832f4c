-- The one way to say no: SQLSTATE QJ009, which the worker takes as permanent.
CREATE FUNCTION sky.refuse(message text, detail text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'QJ009', MESSAGE = message,
        DETAIL = COALESCE(detail, ''), HINT = COALESCE(hint, '');
END $$;
COMMENT ON FUNCTION sky.refuse(text, text, text) IS 'raises QJ009: a domain rule refuses this, and repeating it cannot help';
