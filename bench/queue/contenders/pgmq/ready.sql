SELECT count(*) FROM pgmq.q_bq WHERE vt <= clock_timestamp();
