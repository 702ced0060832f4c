-- What every demo prints: where the time went, and the brightest candidate before and after.
\set QUIET on
\pset footer off
\pset null -
\echo 'Time in each queue (from astrid.job_status):'
SELECT queue_name, count(*) AS jobs,
       round(avg(extract(epoch FROM finished_at - started_at))::numeric, 2) AS "mean, s",
       round(max(extract(epoch FROM finished_at - started_at))::numeric, 2) AS "longest, s",
       round(sum(extract(epoch FROM finished_at - started_at))::numeric, 1) AS "all, s"
FROM astrid.job_status WHERE state = 'completed'
GROUP BY queue_name ORDER BY min(started_at);

\echo 'Time in each stage (from sky.stage_times):'
SELECT stage, n, round(mean_ms::numeric) AS "mean, ms", round(max_ms::numeric) AS "longest, ms", round(total_ms::numeric) AS "all, ms"
FROM sky.stage_times ORDER BY total_ms DESC;

\echo 'The best candidate, forced flux before (on the reference) and after (on each epoch), in the unit of each epoch:'
SELECT d.object_id, regexp_replace(o.uri, '^.*/', '') AS epoch, round(d.x::numeric, 1) AS x, round(d.y::numeric, 1) AS y,
       round(d.ref_flux::numeric) || ' +- ' || round(d.ref_flux_err::numeric) AS before,
       round(d.sci_flux::numeric) || ' +- ' || round(d.sci_flux_err::numeric) AS after,
       round(d.flux::numeric) || ' +- ' || round(d.flux_err::numeric) AS difference, round(d.snr::numeric, 1) AS snr
FROM sky.detections d JOIN sky.observations o USING (observation_id)
WHERE d.object_id = (SELECT b.object_id FROM sky.detections b WHERE b.flags = 0 AND b.object_id IS NOT NULL
                     ORDER BY b.snr DESC LIMIT 1)
ORDER BY d.mjd_mid_tai;
