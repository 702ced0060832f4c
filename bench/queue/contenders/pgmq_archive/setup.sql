-- pgmq with history: read with a visibility timeout, then archive.
CREATE EXTENSION IF NOT EXISTS pgmq;
SELECT pgmq.drop_queue('bq') FROM pgmq.list_queues() WHERE queue_name = 'bq';
SELECT pgmq.create('bq');
