SELECT count(*) FROM astrid.job_status WHERE queue_name = 'bq' AND state IN ('ready', 'running') AND run_at <= now();
