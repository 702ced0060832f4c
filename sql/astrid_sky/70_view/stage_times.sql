CREATE VIEW sky.stage_times AS
SELECT r.stage, count(*) AS n, avg(r.ms) AS mean_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ms) AS median_ms,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY r.ms) AS p90_ms, max(r.ms) AS max_ms, sum(r.ms) AS total_ms
FROM sky.stage_runs r
GROUP BY r.stage;
COMMENT ON VIEW sky.stage_times IS 'how long each stage takes';
COMMENT ON COLUMN sky.stage_times.stage IS 'stage';
COMMENT ON COLUMN sky.stage_times.n IS 'committed runs';
COMMENT ON COLUMN sky.stage_times.mean_ms IS 'mean, ms';
COMMENT ON COLUMN sky.stage_times.median_ms IS 'median, ms';
COMMENT ON COLUMN sky.stage_times.p90_ms IS '90th percentile, ms';
COMMENT ON COLUMN sky.stage_times.max_ms IS 'longest, ms';
COMMENT ON COLUMN sky.stage_times.total_ms IS 'sum, ms';
