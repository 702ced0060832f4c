SELECT count(*) FROM raw_q WHERE run_at <= now();
