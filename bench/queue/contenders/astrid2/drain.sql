SELECT coalesce(array_agg(job_id), '{}') AS ids, coalesce(array_agg(lease_id), '{}') AS leases, sum(length(payload::text)) AS bytes FROM astrid_claim(ARRAY['bq'], 'w' || :client_id, @batch@) \gset
SELECT astrid_complete_batch(:ids::bigint[], :leases::bigint[]);
