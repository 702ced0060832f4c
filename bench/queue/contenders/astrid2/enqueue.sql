SELECT astrid_enqueue('bq', '@payload@'::jsonb);
