DELETE FROM raw_q WHERE id = ANY (ARRAY(
    SELECT id FROM raw_q WHERE state = 0 AND run_at <= now()
    ORDER BY priority, run_at, id LIMIT @batch@ FOR UPDATE SKIP LOCKED))
RETURNING id, payload;
