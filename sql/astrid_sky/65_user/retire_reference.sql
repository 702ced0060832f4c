-- Differences made with it stay as they are.
CREATE FUNCTION sky.retire_reference(reference_id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sky.lock_references(alone => true);
    UPDATE sky.images i SET retired_at = clock_timestamp()
    WHERE i.image_id = retire_reference.reference_id AND i.kind = 'reference' AND i.retired_at IS NULL;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION sky.retire_reference(bigint) IS 'no longer subtracts with a reference; false where it is none';
