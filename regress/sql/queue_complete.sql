-- Completion: fenced by the lease, alone, in batches, with the next claim.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_create_queue('co');
SELECT count(*) FROM astrid_enqueue_batch('co', ARRAY['1', '2', '3', '4', '5', '6', '7', '8']::jsonb[]);

SELECT job_id AS j1, lease_id AS l1 FROM astrid_claim(ARRAY['co'], 'w') \gset
SELECT astrid_complete(:j1, :l1 + 1000000) AS wrong_lease;
SELECT astrid_complete(-1, :l1) AS wrong_job, astrid_complete(0, :l1) AS no_job;
SELECT astrid_complete(:j1, :l1, '{"found": 3}');
SELECT astrid_complete(:j1, :l1) AS again;
SELECT state, result, progress, worker_id, finished_at >= started_at AS in_time, lease_id = :l1 AS lease
  FROM astrid.job_status WHERE job_id = :j1;

-- a batch skips what is lost and counts the rest; results in the caller's order, whatever the order of the ids
SELECT array_agg(job_id ORDER BY job_id DESC) AS jobs, array_agg(lease_id ORDER BY job_id DESC) AS leases,
       array_agg(payload ORDER BY job_id DESC) AS results FROM astrid_claim(ARRAY['co'], 'w', 3) \gset
SELECT astrid_complete_batch(:'jobs'::bigint[] || :j1 || :'jobs'::bigint[], :'leases'::bigint[] || :l1 || :'leases'::bigint[],
    :'results'::jsonb[] || '"lost"'::jsonb || :'results'::jsonb[]);
SELECT payload, result, state FROM astrid.job_status WHERE queue_name = 'co' AND payload <> '1' ORDER BY payload;
SELECT astrid_complete_batch('{}', '{}');
SELECT astrid_complete_batch('{-9223372036854775808,-1,0,9223372036854775806,9223372036854775807}', '{1,1,1,1,1}') AS no_jobs;

-- complete and claim in one; null results
SELECT coalesce(array_agg(job_id), '{}') AS jobs, coalesce(array_agg(lease_id), '{}') AS leases, count(*)
  FROM astrid_complete_and_claim('{}', '{}', NULL, ARRAY['co'], 'w', 2) \gset
SELECT payload FROM astrid_complete_and_claim(:'jobs', :'leases', NULL, ARRAY['co'], 'w', 1);
SELECT state, count(*) FROM astrid.job_status WHERE queue_name = 'co' GROUP BY 1 ORDER BY 1;

-- a lost lease: nothing is done, the job is named
SELECT job_id AS j7, lease_id AS l7 FROM astrid.job_status WHERE queue_name = 'co' AND state = 'running' \gset
\set VERBOSITY sqlstate
SELECT astrid_complete_and_claim(ARRAY[:j7, -5, -6], ARRAY[:l7, 1, 2], NULL, ARRAY['co'], 'w', 1);
\set VERBOSITY default
SELECT astrid_complete_and_claim(ARRAY[:j7, -5, -6], ARRAY[:l7, 1, 2], NULL, ARRAY['co'], 'w', 1);
SELECT state, count(*) FROM astrid.job_status WHERE queue_name = 'co' GROUP BY 1 ORDER BY 1;

-- check_lease: first call of whatever writes for a job
BEGIN;
SELECT astrid_check_lease(:j7, :l7);
SELECT astrid_complete(:j7, :l7);
COMMIT;
SELECT astrid_check_lease(-7, 7);
SELECT astrid.check_lease(NULL, 7);

-- claim and complete within one statement
SELECT count(*) FILTER (WHERE astrid_complete(job_id, lease_id)) FROM astrid_claim(ARRAY['co'], 'w', 1);
SELECT state, count(*) FROM astrid.job_status WHERE queue_name = 'co' GROUP BY 1 ORDER BY 1;

-- numbers that follow one another are found in one go: rows that are gone and leases of others between them
SELECT count(*) FROM astrid_enqueue_batch('co', '{1,2,3,4,5,6,7}');
CREATE TEMP TABLE run AS SELECT job_id, lease_id, payload::int AS place FROM astrid_claim('{co}', 'w', 7);
SELECT count(*) FILTER (WHERE astrid_complete(job_id, lease_id)) FROM run WHERE place IN (2, 3);
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id + (place = 5)::int)) FROM run;
SELECT place, state FROM run JOIN astrid.job_status USING (job_id) ORDER BY place;
SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM run;

-- what is refused
SELECT astrid_complete(NULL, 1);
SELECT astrid_complete(1, NULL);
SELECT astrid_complete_batch(NULL, '{}');
SELECT astrid_complete_batch('{1}', '{}');
SELECT astrid_complete_batch('{1}', '{NULL}');
SELECT astrid_complete_batch('{1}', '{1}', '{}');

SELECT astrid_drop_queue('co');
SELECT astrid_maintain() ->> 'swept' AS swept;
