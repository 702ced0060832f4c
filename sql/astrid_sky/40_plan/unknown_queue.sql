-- The handler "sky" may be given to any queue, by mistake.
CREATE FUNCTION sky.unknown_queue(queue_name text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM sky.refuse(format('queue "%s" is none of the pipeline''s', queue_name), NULL,
        'They are observation_ingestion, preprocessing, differencing, detection, curation and notification.');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION sky.unknown_queue(text) IS 'refuses a job of a queue that the pipeline does not know';
