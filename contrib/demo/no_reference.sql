-- After a run on the user's own files: science frames that found no reference, and how to make one of the best of them.
WITH waiting AS (
    SELECT o.observation_id, o.band, o.object, i.uri, i.fwhm, i.sky_rms,
           row_number() OVER (PARTITION BY o.band, o.object ORDER BY i.fwhm, i.sky_rms) AS rank,
           count(*) OVER (PARTITION BY o.band, o.object) AS n
    FROM sky.observation_status s
    JOIN sky.observations o USING (observation_id)
    JOIN sky.images i ON i.observation_id = o.observation_id AND i.kind = 'calibrated'
    WHERE s.state = 'waiting')
SELECT format(E'\n%s frames of %s (band %s) have no reference and wait. The sharpest of them make one; they then go on by themselves:\n'
              '  astrid stage coadd %s --output reference=%s/reference.fits\n'
              '  SELECT astrid_enqueue(''observation_ingestion'', ''{"uri": "%s/reference.fits", "kind": "reference"}'');',
              max(n), COALESCE(NULLIF(object, ''), 'one field'), COALESCE(band, 'unknown'),
              string_agg('--input science=' || uri, ' ' ORDER BY rank), :'data', :'data')
FROM waiting WHERE rank <= 10
GROUP BY band, object;
