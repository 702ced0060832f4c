-- A plan made anew, under another lease, takes the place of the old one.
CREATE FUNCTION sky.keep_choice(job_id bigint, lease_id bigint, choice jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sky.plans AS p (job_id, lease_id, choice)
    VALUES (keep_choice.job_id, keep_choice.lease_id, keep_choice.choice)
    ON CONFLICT ON CONSTRAINT plans_pkey DO UPDATE
    SET lease_id = EXCLUDED.lease_id, choice = EXCLUDED.choice, planned_at = EXCLUDED.planned_at
$$;
COMMENT ON FUNCTION sky.keep_choice(bigint, bigint, jsonb) IS 'remembers what a plan chose until its commit';
