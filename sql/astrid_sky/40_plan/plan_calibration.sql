-- Which calibration frames go in, and what is combined before? From combine_from single frames on, the first plan that
-- needs their master makes it and its commit files it under the numbers of the frames it rests on; the plans after it
-- find it there. Two that make it at the same time both use their own, and one of them is filed. Fewer frames go to
-- calibrate as they are: that costs little, and calibrate measures the gain from them.
CREATE FUNCTION sky.plan_calibration(o sky.observations, payload jsonb, OUT steps jsonb, OUT inputs jsonb, OUT choice jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    this     text;
    ids      bigint[];
    rests_on bigint[] := '{}';
    uris     jsonb;
    finished boolean;
    master   text;
BEGIN
    steps := '[]';
    inputs := '{}';
    choice := '{}';
    -- in this order: darks are combined without their bias, flats without bias and dark
    FOREACH this IN ARRAY ARRAY['bias', 'dark', 'flat', 'bpm'] LOOP
        SELECT array_agg(c.calibration_id ORDER BY c.calibration_id), jsonb_agg(c.uri ORDER BY c.calibration_id), bool_or(c.is_master)
        INTO ids, uris, finished FROM sky.calibration_inputs(o, this) AS c;
        CONTINUE WHEN ids IS NULL;
        choice := choice || jsonb_build_object(this, ids);
        rests_on := rests_on || ids;
        IF NOT finished AND cardinality(ids) >= sky.setting_number('combine_from') THEN
            SELECT c.uri INTO master FROM sky.calibration_frames c
            WHERE c.kind = this AND c.is_master AND c.enabled AND c.made_from = rests_on;
            IF master IS NULL THEN
                choice := jsonb_set(choice, '{masters}', COALESCE(choice -> 'masters', '[]') || jsonb_build_object(
                    'kind', this, 'step', jsonb_array_length(steps), 'made_from', rests_on));
                master := format('@%s.master', jsonb_array_length(steps));
                steps := steps || sky.combine_step(o, payload, this, inputs || jsonb_build_object('frame', uris));
            END IF;
            uris := jsonb_build_array(master);
        END IF;
        inputs := inputs || jsonb_build_object(this, uris);
    END LOOP;
END $$;
COMMENT ON FUNCTION sky.plan_calibration(sky.observations, jsonb) IS 'combine steps to run first, calibration inputs by role, and the numbers of the frames';
