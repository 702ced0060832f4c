-- A stage that names no file has made none.
CREATE FUNCTION sky.output_field(step jsonb, role text, required boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    output jsonb := step -> 'outputs' -> role;
BEGIN
    IF COALESCE(output ->> 'uri', '') = '' THEN
        IF required THEN
            PERFORM sky.refuse(format('result of stage "%s": output "%s" has no uri', step ->> 'stage', role));
        END IF;
        RETURN NULL;
    END IF;
    RETURN output;
END $$;
COMMENT ON FUNCTION sky.output_field(jsonb, text, boolean) IS 'an output file of a step: {"uri", "sha256", "bytes"}';
