-- pgmq with history: read with a visibility timeout, then archive.
SELECT pgmq.drop_queue('bq') FROM pgmq.list_queues() WHERE queue_name = 'bq';
SELECT pgmq.create('bq');
