SELECT count(*) FROM generate_series(1, (@n@ + 9999) / 10000) g, LATERAL astrid_enqueue_batch('bq', ARRAY(SELECT '@payload@'::jsonb FROM generate_series(1, least(10000, @n@ - (g - 1) * 10000))));
