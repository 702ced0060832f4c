-- What is missing is told with the statement that adds it, for the instrument at hand.
CREATE FUNCTION sky.teach_statement(i sky.instruments, header_name text, map text, entry jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN i.name IS NULL
        THEN format('INSERT INTO sky.instruments (name, %I) VALUES (%L, %L)', map, COALESCE(header_name, 'NAME'), entry)
        ELSE format('UPDATE sky.instruments SET %1$I = %1$I || %2$L WHERE name = %3$L', map, entry, i.name) END
$$;
COMMENT ON FUNCTION sky.teach_statement(sky.instruments, text, text, jsonb) IS 'the statement that adds an entry to a map of an instrument''s row, or makes the row';
