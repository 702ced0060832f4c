-- Reading what a worker sent. Results come from programs and may be garbage: every error names stage and field.
CREATE FUNCTION sky.stage_result(results jsonb, stage text, required boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found jsonb;
BEGIN
    IF jsonb_typeof(results) IS DISTINCT FROM 'array' THEN
        PERFORM sky.refuse('results must be a JSON array', format('It is %s.', COALESCE(jsonb_typeof(results), 'null')));
    END IF;
    SELECT e INTO found FROM jsonb_array_elements(results) WITH ORDINALITY AS r (e, n)
    WHERE e ->> 'stage' = stage_result.stage ORDER BY n DESC LIMIT 1;
    IF found IS NULL AND required THEN
        PERFORM sky.refuse(format('results hold no step of the stage "%s"', stage));
    END IF;
    IF found IS NOT NULL AND jsonb_typeof(found -> 'result') IS DISTINCT FROM 'object' THEN
        PERFORM sky.refuse(format('result of stage "%s": field "result" must be an object', stage));
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.stage_result(jsonb, text, boolean) IS 'the last step of a stage in results; refuses by name where it is missing';
