-- With a snapshot older than the lock, the rows that the lock waited for stay invisible.
CREATE FUNCTION sky.require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'sky.commit must run in a READ COMMITTED transaction' USING ERRCODE = 'QJ006';
    END IF;
END $$;
COMMENT ON FUNCTION sky.require_read_committed() IS 'raises unless statements see what was committed before they began';
