CREATE FUNCTION sky.keep_choice(job_id bigint, lease_id bigint, choice jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.plans AS p (job_id, lease_id, choice)
    VALUES (keep_choice.job_id, keep_choice.lease_id, keep_choice.choice)
    ON CONFLICT ON CONSTRAINT plans_pkey DO UPDATE
    SET lease_id = EXCLUDED.lease_id, choice = EXCLUDED.choice, planned_at = EXCLUDED.planned_at
$$;
COMMENT ON FUNCTION sky.keep_choice(bigint, bigint, jsonb) IS 'remembers what a plan chose until its commit';

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
