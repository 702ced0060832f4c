-- JSON knows only numbers: 1.5 pixels are refused here.
CREATE FUNCTION sky.integer_field(doc jsonb, field text, stage text, required boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    value float8 := sky.number_field(doc, field, stage, required);
BEGIN
    IF value <> trunc(value) OR abs(value) > 9e15 THEN
        PERFORM sky.refuse(format('%s: field "%s" must be an integer', sky.origin(stage), field),
                           format('It is %s.', doc ->> field));
    END IF;
    RETURN value::bigint;
END $$;
COMMENT ON FUNCTION sky.integer_field(jsonb, text, text, boolean) IS 'an integer of a result; null where absent and not required';
