-- What kind of frame is it? The payload decides, then the instrument's kind_map, then the usual words of IMAGETYP.
CREATE FUNCTION sky.frame_kind(payload jsonb, imagetyp text, exptime float8, instrument sky.instruments) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    word text := lower(btrim(imagetyp));
    kind text := COALESCE(payload ->> 'kind',
                          (SELECT m.value FROM jsonb_each_text(instrument.kind_map) AS m WHERE lower(m.key) = word LIMIT 1));
BEGIN
    IF kind IS NULL THEN
        kind := CASE
            WHEN word IS NULL OR word ~ '^(light|object|sci|target|exp|obs|image)' THEN 'science'
            WHEN word ~ 'bias|zero' THEN 'bias'
            WHEN word ~ 'flat' THEN 'flat'
            -- a dark of no duration is a bias (EFOSC2 types them so)
            WHEN word ~ 'dark' THEN CASE WHEN exptime = 0 THEN 'bias' ELSE 'dark' END
            WHEN word ~ '^(bpm|bad ?pix)' THEN 'bpm'
            WHEN word ~ '^(reference|template)' THEN 'reference' END;
    END IF;
    IF kind IS NULL OR kind NOT IN ('science', 'reference', 'bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.refuse(
            format('kind of frame "%s" is not known', COALESCE(kind, imagetyp)),
            'Known are science, reference, bias, dark, flat and bpm.',
            format('Give "kind" in the payload, or map the header''s word: UPDATE sky.instruments SET kind_map = kind_map || %L WHERE name = %L.',
                   jsonb_build_object(COALESCE(imagetyp, ''), 'science'), COALESCE(instrument.name, 'NAME')));
    END IF;
    RETURN kind;
END $$;
COMMENT ON FUNCTION sky.frame_kind(jsonb, text, float8, sky.instruments) IS 'science, reference, bias, dark, flat or bpm; refuses words it does not know';
