-- What kind of frame is it? The payload decides, then the instrument's kind_map, then what ingest made of IMAGETYP; a frame
-- that says nothing is science.
CREATE FUNCTION sky.frame_kind(payload jsonb, result jsonb, instrument sky.instruments) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    word text := sky.text_field(result, 'imagetyp', 'ingest');
    kind text := COALESCE(sky.text_field(payload, 'kind', 'payload'),
                          (SELECT m.value FROM jsonb_each_text(instrument.kind_map) AS m WHERE lower(m.key) = lower(word) LIMIT 1),
                          sky.text_field(result, 'frame_kind', 'ingest'),
                          CASE WHEN word IS NULL THEN 'science' END);
BEGIN
    IF kind IS NULL OR kind NOT IN ('science', 'reference', 'bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.refuse(
            format('kind of frame "%s" is not known', COALESCE(kind, word)),
            'Known are science, reference, bias, dark, flat and bpm.',
            format('Give "kind" in the payload, or map the header''s word: %s.',
                   sky.teach_statement(instrument, sky.text_field(result, 'instrument', 'ingest'), 'kind_map',
                                       jsonb_build_object(COALESCE(word, ''), 'KIND'))));
    END IF;
    RETURN kind;
END $$;
COMMENT ON FUNCTION sky.frame_kind(jsonb, jsonb, sky.instruments) IS 'science, reference, bias, dark, flat or bpm; refuses words it does not know';
