-- What depends on what is written and followed by extension/depend.c and children.c.

CREATE FUNCTION astrid._finished_state(job bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, astrid, pg_temp
    SET enable_seqscan = off AS
$$
BEGIN
    RETURN (SELECT h.state FROM astrid.history h WHERE h.job_id = job);
END
$$;
COMMENT ON FUNCTION astrid._finished_state(bigint) IS 'completed or cancelled; null where history has no such job.';
