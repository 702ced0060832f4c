SELECT count(*) FROM astrid_enqueue_batch('bq', ARRAY(SELECT '@payload@'::jsonb FROM generate_series(1, @batch@)));
