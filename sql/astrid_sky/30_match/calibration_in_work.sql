-- Looks at the plans, of which there are as many as jobs in work, and not at the queue, which may hold millions. A plan
-- whose job died stays behind: the job's state decides.
CREATE FUNCTION sky.calibration_in_work() RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    p sky.plans;
BEGIN
    FOR p IN SELECT * FROM sky.plans s WHERE s.choice ->> 'kind' IN ('bias', 'dark', 'flat', 'bpm') LOOP
        IF EXISTS (SELECT FROM astrid.job_status j WHERE j.job_id = p.job_id AND j.state = 'running') THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
COMMENT ON FUNCTION sky.calibration_in_work() IS 'is a calibration frame being ingested at this moment?';
