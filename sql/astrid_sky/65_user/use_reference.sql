-- By number of the observation: people know frames, not images.
CREATE FUNCTION sky.use_reference(observation_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o sky.observations := sky.payload_observation(jsonb_build_object('observation_id', observation_id));
    i sky.images := sky.latest_image(o.observation_id, 'calibrated');
BEGIN
    PERFORM sky.install_reference(o, i.image_id, NULL);
    RETURN (SELECT r.image_id FROM sky.images r
            WHERE r.observation_id = o.observation_id AND r.kind = 'reference' AND r.retired_at IS NULL);
END $$;
COMMENT ON FUNCTION sky.use_reference(bigint) IS 'takes the calibrated image of an observation as a reference; frames that waited for one go on; its reference_id';
