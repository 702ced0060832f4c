-- One step: ingest, with the instrument's row where the payload names it. Else the header tells the instrument, and if
-- its row maps keywords or gives an orientation the commit sends the file through once more with it.
CREATE FUNCTION sky.plan_ingestion(job_id bigint, lease_id bigint, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    uri text := sky.text_field(payload, 'uri', 'payload', true);
    i   sky.instruments := sky.find_instrument(sky.text_field(payload, 'instrument', 'payload'));
BEGIN
    PERFORM sky.keep_choice(plan_ingestion.job_id, plan_ingestion.lease_id, jsonb_build_object('instrument', i.name, 'kind', payload -> 'kind'));
    RETURN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
        'stage', 'ingest', 'inputs', jsonb_build_object('image', jsonb_build_array(uri)), 'outputs', '{}'::jsonb,
        'params', sky.frame_params(payload, i) || COALESCE(payload -> 'params' -> 'ingest', '{}'))));
END $$;
COMMENT ON FUNCTION sky.plan_ingestion(bigint, bigint, jsonb) IS 'steps of an observation_ingestion job';
