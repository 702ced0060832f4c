WITH c AS (
    UPDATE raw_q SET state = 1, attempts = attempts + 1, locked_at = now() WHERE id = ANY (ARRAY(
        SELECT id FROM raw_q WHERE state = 0 AND run_at <= now()
        ORDER BY priority, run_at, id LIMIT @batch@ FOR UPDATE SKIP LOCKED))
    RETURNING id, payload)
SELECT coalesce(array_agg(id), '{}') AS ids, sum(length(payload::text)) AS bytes FROM c \gset
DELETE FROM raw_q WHERE id = ANY (:ids::bigint[]);
