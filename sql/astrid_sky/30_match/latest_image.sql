-- A second run adds an image; the newest counts.
CREATE FUNCTION sky.latest_image(observation_id bigint, kind text) RETURNS sky.images
LANGUAGE plpgsql STABLE AS $$
DECLARE
    i sky.images;
BEGIN
    SELECT * INTO i FROM sky.images s
    WHERE s.observation_id = latest_image.observation_id AND s.kind = latest_image.kind
    ORDER BY s.image_id DESC LIMIT 1;
    IF i.image_id IS NULL THEN
        PERFORM sky.refuse(format('observation %s has no %s image', observation_id, kind), NULL,
                           'Enqueue it on the queue that makes it first.');
    END IF;
    RETURN i;
END $$;
COMMENT ON FUNCTION sky.latest_image(bigint, text) IS 'the newest image of a kind of an observation; refuses where there is none';
