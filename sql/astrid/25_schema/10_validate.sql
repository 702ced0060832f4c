CREATE FUNCTION astrid.validate(schema jsonb, value jsonb)
    RETURNS TABLE (path text, keyword text, message text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'astrid_validate';
COMMENT ON FUNCTION astrid.validate(jsonb, jsonb) IS
    'What is wrong with a value by a JSON Schema (draft 7): one row per error, none where it matches.';

CREATE FUNCTION astrid._check_schema(schema jsonb, argument text) RETURNS void
    LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'astrid_check_schema';
COMMENT ON FUNCTION astrid._check_schema(jsonb, text) IS
    'Raises QJ006, naming the argument and the place, where this is no JSON Schema that astrid can check.';
