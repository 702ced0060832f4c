SELECT count(*) FROM pgmq.send_batch('bq', ARRAY(SELECT '@payload@'::jsonb FROM generate_series(1, @batch@)));
