-- astrid, complete_and_claim: one commit completes the last batch and claims the next. History and leases are kept.
CREATE EXTENSION IF NOT EXISTS astrid;
SELECT astrid_drop_queue('bq') WHERE EXISTS (SELECT FROM astrid.queue_status WHERE queue_name = 'bq');
SELECT astrid_create_queue('bq');
