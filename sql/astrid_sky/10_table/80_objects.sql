-- Things in the sky: detections of the same place over the nights (sky.associate).
CREATE TABLE sky.objects (
    object_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ra             float8 NOT NULL CHECK (ra >= 0 AND ra < 360),
    dec            float8 NOT NULL CHECK (dec BETWEEN -90 AND 90),
    n_detections   int NOT NULL DEFAULT 0,
    n_observations int NOT NULL DEFAULT 0,
    first_mjd_tai  float8,
    last_mjd_tai   float8,
    max_snr        float8,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX objects_sky ON sky.objects (@extschema@.q3c_ang2ipix(ra, dec));
COMMENT ON TABLE sky.objects IS 'detections of the same thing over the nights';
COMMENT ON COLUMN sky.objects.object_id IS 'number of the object';
COMMENT ON COLUMN sky.objects.ra IS 'mean of its unflagged detections weighted by S/N squared, deg, ICRS';
COMMENT ON COLUMN sky.objects.dec IS 'mean of its unflagged detections weighted by S/N squared, deg, ICRS';
COMMENT ON COLUMN sky.objects.n_detections IS 'number of its detections';
COMMENT ON COLUMN sky.objects.n_observations IS 'number of observations they are from';
COMMENT ON COLUMN sky.objects.first_mjd_tai IS 'earliest detection, MJD, TAI';
COMMENT ON COLUMN sky.objects.last_mjd_tai IS 'latest detection, MJD, TAI';
COMMENT ON COLUMN sky.objects.max_snr IS 'largest S/N of its detections';
COMMENT ON COLUMN sky.objects.created_at IS 'when the object was found';
COMMENT ON COLUMN sky.objects.updated_at IS 'when a detection was added or replaced';
SELECT pg_catalog.pg_extension_config_dump('sky.objects', '');
SELECT pg_catalog.pg_extension_config_dump('sky.objects_object_id_seq', '');
