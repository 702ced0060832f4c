-- A science frame that looks for a reference, and a reference that looks for science frames waiting for it, must not
-- miss each other: science shares the lock, a reference holds it alone, both to the end of the transaction.
CREATE FUNCTION sky.lock_references(alone boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sky.require_read_committed();
    IF alone THEN
        PERFORM pg_advisory_xact_lock(sky.lock_class(), -1);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(sky.lock_class(), -1);
    END IF;
END $$;
COMMENT ON FUNCTION sky.lock_references(boolean) IS 'serialises arriving references against science frames that look for one';
