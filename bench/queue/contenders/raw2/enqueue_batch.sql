INSERT INTO raw_q (payload) SELECT '@payload@' FROM generate_series(1, @batch@);
