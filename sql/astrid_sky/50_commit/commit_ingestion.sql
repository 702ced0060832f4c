-- The observation and its raw image. Calibration frames are filed and end here.
CREATE FUNCTION sky.commit_ingestion(job_id bigint, lease_id bigint, payload jsonb, priority int, results jsonb)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    step    jsonb := sky.stage_result(results, 'ingest');
    choice  jsonb := sky.take_choice(commit_ingestion.job_id, commit_ingestion.lease_id);
    o       sky.observations := sky.read_observation(payload, step -> 'result');
    known   sky.observations;
    next_id bigint;
BEGIN
    IF choice ->> 'instrument' IS NULL AND EXISTS (
            SELECT FROM sky.instruments i WHERE i.name = o.instrument AND (i.keywords <> '{}' OR i.orientation IS NOT NULL)) THEN
        RETURN jsonb_build_object('instrument', o.instrument, 'next_job_id', astrid.enqueue('observation_ingestion',
            payload || jsonb_build_object('instrument', o.instrument), priority => commit_ingestion.priority));
    END IF;
    PERFORM sky.gate('ingest', o, step -> 'result');
    o.job_id := commit_ingestion.job_id;
    o.lease_id := commit_ingestion.lease_id;
    known := o;
    o := sky.insert_observation(o, COALESCE(payload -> 'reprocess' = 'true', false));
    PERFORM sky.record_runs(commit_ingestion.job_id, commit_ingestion.lease_id, o.observation_id, results);
    IF o.job_id <> known.job_id THEN
        IF o.kind <> known.kind THEN
            PERFORM sky.refuse(format('observation %s is already there as kind %s, not %s', o.observation_id, o.kind, known.kind),
                NULL, 'To subtract with a science frame as the reference call sky.use_reference().');
        END IF;
        RETURN jsonb_build_object('observation_id', o.observation_id, 'duplicate', true);
    END IF;
    IF o.kind IN ('bias', 'dark', 'flat', 'bpm') THEN
        PERFORM sky.file_calibration(o, payload, commit_ingestion.job_id, commit_ingestion.lease_id);
        PERFORM sky.advance(o.observation_id, 'observation_ingestion', NULL, 'filed as calibration frame');
    ELSE
        next_id := sky.enqueue_next(o, 'preprocessing', priority);
        PERFORM sky.advance(o.observation_id, 'observation_ingestion', next_id);
    END IF;
    PERFORM astrid.log(commit_ingestion.job_id, commit_ingestion.lease_id, 'warning', w) FROM unnest(o.warnings) AS w;
    RETURN jsonb_strip_nulls(jsonb_build_object('observation_id', o.observation_id, 'next_job_id', next_id));
END $$;
COMMENT ON FUNCTION sky.commit_ingestion(bigint, bigint, jsonb, int, jsonb) IS 'writes an observation; enqueues preprocessing';
