-- Empty text is what headers say when they say nothing.
CREATE FUNCTION sky.text_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := jsonb_typeof(doc -> field);
BEGIN
    IF kind IN ('object', 'array') THEN
        PERFORM sky.refuse(format('%s: field "%s" must be text', sky.origin(stage), field));
    END IF;
    IF required AND COALESCE(doc ->> field, '') = '' THEN
        PERFORM sky.refuse(format('%s: field "%s" is missing', sky.origin(stage), field));
    END IF;
    RETURN NULLIF(doc ->> field, '');
END $$;
COMMENT ON FUNCTION sky.text_field(jsonb, text, text, boolean) IS 'a text of a result; null where absent or empty and not required';
