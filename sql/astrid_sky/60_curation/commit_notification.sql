-- NOTIFY is sent by the commit of this transaction: an alert is heard if and only if notified_at is set.
CREATE FUNCTION sky.commit_notification(payload jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    o sky.observations := sky.payload_observation(payload);
    d sky.detections;
    n int := 0;
BEGIN
    FOR d IN SELECT s.* FROM sky.detections s JOIN sky.curation_tasks c USING (detection_id)
             WHERE c.observation_id = o.observation_id AND c.state = 'confirmed' AND c.notified_at IS NULL
             ORDER BY s.detection_id FOR UPDATE OF c LOOP
        PERFORM pg_notify('astrid_alerts', jsonb_build_object('detection_id', d.detection_id, 'object_id', d.object_id,
            'observation_id', d.observation_id, 'ra', d.ra, 'dec', d.dec, 'band', d.band, 'mjd_mid_tai', d.mjd_mid_tai,
            'snr', d.snr, 'mag', d.mag)::text);
        UPDATE sky.curation_tasks c SET notified_at = clock_timestamp() WHERE c.detection_id = d.detection_id;
        n := n + 1;
    END LOOP;
    PERFORM sky.advance(o.observation_id, 'notification', NULL, format('alerts sent: %s', n));
    RETURN jsonb_build_object('observation_id', o.observation_id, 'alerts', n);
END $$;
COMMENT ON FUNCTION sky.commit_notification(jsonb) IS 'sends NOTIFY astrid_alerts for the accepted candidates of an observation';
