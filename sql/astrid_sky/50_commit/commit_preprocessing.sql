-- The calibrated image. A reference frame becomes a reference and wakes the science frames that waited for one; a
-- science frame goes on to differencing where a reference is there, else it waits with a note.
CREATE FUNCTION sky.commit_preprocessing(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o        sky.observations := sky.payload_observation(payload);
    step     jsonb := sky.stage_result(results, 'calibrate');
    choice   jsonb := sky.take_choice(commit_preprocessing.job_id, commit_preprocessing.lease_id);
    image_id bigint;
    next_id  bigint;
BEGIN
    PERFORM sky.gate('calibrate', o, step -> 'result');
    image_id := sky.record_image(o, 'calibrated', step, 'image', commit_preprocessing.job_id, commit_preprocessing.lease_id,
                                 choice - 'masters');
    PERFORM sky.file_masters(o, choice, results, commit_preprocessing.job_id, commit_preprocessing.lease_id);
    PERFORM sky.record_runs(commit_preprocessing.job_id, commit_preprocessing.lease_id, o.observation_id, results);
    IF o.kind = 'reference' THEN
        PERFORM sky.advance(o.observation_id, 'preprocessing', NULL, 'in use as reference');
        RETURN jsonb_build_object('observation_id', o.observation_id, 'image_id', image_id,
                                  'released', sky.install_reference(o, image_id, priority));
    END IF;
    PERFORM sky.lock_references(alone => false);
    IF sky.find_reference(o, payload) IS NOT NULL THEN
        next_id := sky.enqueue_next(o, 'differencing', priority, sky.handed_on(payload));
        PERFORM sky.advance(o.observation_id, 'preprocessing', next_id);
    ELSE
        PERFORM sky.advance(o.observation_id, 'preprocessing', NULL, sky.no_reference_note(o));
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'image_id', image_id, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_preprocessing(bigint, bigint, jsonb, int, jsonb) IS 'writes a calibrated image; enqueues differencing or installs a reference';
