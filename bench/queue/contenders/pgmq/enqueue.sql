SELECT pgmq.send('bq', '@payload@');
