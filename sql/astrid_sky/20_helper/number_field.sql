-- Results come from programs and may be garbage: every error names stage and field.
CREATE FUNCTION sky.number_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind text := jsonb_typeof(doc -> field);
BEGIN
    IF kind IS NULL OR kind = 'null' THEN
        IF required THEN
            PERFORM sky.refuse(format('%s: field "%s" is missing', sky.origin(stage), field));
        END IF;
        RETURN NULL;
    END IF;
    -- A JSON number may exceed what float8 holds.
    IF kind <> 'number' OR abs((doc ->> field)::numeric) > 1e300 THEN
        PERFORM sky.refuse(format('%s: field "%s" must be a finite number', sky.origin(stage), field),
                           format('It is %s.', left(doc ->> field, 100)));
    END IF;
    RETURN (doc ->> field)::numeric::float8;
END $$;
COMMENT ON FUNCTION sky.number_field(jsonb, text, text, boolean) IS 'a number of a result; null where absent and not required';
