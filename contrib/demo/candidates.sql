-- The contact sheet's rows for `astrid contact_sheet`: science, reference, difference, x, y, caption. Unflagged
-- candidates only, one per object: the eight of highest S/N, then the eight of lowest.
SET client_min_messages = warning;
CREATE TEMP TABLE candidate AS
SELECT DISTINCT ON (COALESCE(d.object_id, -d.detection_id))
       s.uri AS science, a.uri AS reference, i.uri AS difference, d.x, d.y, d.snr, d.detection_id
FROM sky.detections d
JOIN sky.differences f USING (difference_id)
JOIN sky.images i ON i.image_id = f.image_id
JOIN sky.images s ON s.image_id = f.science_id
JOIN sky.images a ON a.image_id = f.aligned_id
WHERE d.flags = 0
ORDER BY COALESCE(d.object_id, -d.detection_id), d.snr DESC;

SELECT science, reference, difference, x, y, format('%s S/N %s', detection_id, round(snr::numeric, 1))
FROM (SELECT *, row_number() OVER (ORDER BY snr DESC) AS best, row_number() OVER (ORDER BY snr) AS worst FROM candidate) AS c
WHERE best <= 8 OR worst <= 8
ORDER BY snr DESC;
