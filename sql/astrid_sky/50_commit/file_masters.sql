-- Masters are known by the frames they rest on. Who comes second with the same one leaves the first one's in place.
CREATE FUNCTION sky.file_masters(o sky.observations, choice jsonb, results jsonb, job_id bigint, lease_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    master jsonb;
    step   jsonb;
    output jsonb;
BEGIN
    FOR master IN SELECT m FROM jsonb_array_elements(choice -> 'masters') AS m LOOP
        step := results -> (master ->> 'step')::int;
        IF step ->> 'stage' IS DISTINCT FROM 'combine' THEN
            PERFORM sky.refuse(format('results hold no step of the stage "combine" for the master %s', master ->> 'kind'));
        END IF;
        output := sky.output_field(step, 'master');
        INSERT INTO sky.calibration_frames (kind, is_master, made_from, uri, sha256, instrument, band, exptime, binning,
                                            width, height, mjd_mid_tai, job_id, lease_id)
        SELECT master ->> 'kind', true, ARRAY(SELECT jsonb_array_elements_text(master -> 'made_from')::bigint), output ->> 'uri',
               output ->> 'sha256', o.instrument, c.band, c.exptime, c.binning,
               COALESCE(sky.integer_field(step -> 'result', 'naxis1', 'combine'), c.width),
               COALESCE(sky.integer_field(step -> 'result', 'naxis2', 'combine'), c.height), c.mjd_mid_tai,
               file_masters.job_id, file_masters.lease_id
        FROM sky.calibration_frames c WHERE c.calibration_id = (choice -> (master ->> 'kind') ->> 0)::bigint
        ON CONFLICT (kind, made_from) WHERE is_master DO NOTHING;
    END LOOP;
END $$;
COMMENT ON FUNCTION sky.file_masters(sky.observations, jsonb, jsonb, bigint, bigint) IS 'files the masters that a plan had combined';
