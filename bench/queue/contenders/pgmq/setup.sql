-- pgmq: read with a visibility timeout, then delete.
SELECT pgmq.drop_queue('bq') FROM pgmq.list_queues() WHERE queue_name = 'bq';
SELECT pgmq.create('bq');
