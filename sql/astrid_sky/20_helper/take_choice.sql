-- Called by the commit; the row is gone with it, so the table stays as small as the number of jobs in work.
CREATE FUNCTION sky.take_choice(job_id bigint, lease_id bigint) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    DELETE FROM sky.plans p
    WHERE p.job_id = take_choice.job_id AND p.lease_id = take_choice.lease_id RETURNING p.choice INTO found;
    IF found IS NULL THEN
        PERFORM sky.refuse(format('job %s was not planned under this lease', job_id), NULL, 'Call sky.plan() before sky.commit().');
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION sky.take_choice(bigint, bigint) IS 'what the plan of this lease chose; refuses where there was none';
