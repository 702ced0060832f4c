SELECT coalesce(array_agg(msg_id), '{}') AS ids, sum(length(message::text)) AS bytes FROM pgmq.read('bq', 60, @batch@) \gset
SELECT count(*) FROM pgmq.delete('bq', :ids::bigint[]);
