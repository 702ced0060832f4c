-- Who may do what: nothing is granted to PUBLIC; functions are the only way to write.
--   astrid_reader    the views, astrid_job, astrid_why, astrid_events
--   astrid_producer  reader + enqueue, cancel what was enqueued, publish, create triggers
--   astrid_worker    reader + claim, complete, fail, ..., enqueue the next job, publish, maintain
--   astrid_admin     everything
DO $$
DECLARE
    class record;
    f record;
BEGIN
    REVOKE ALL ON SCHEMA astrid FROM PUBLIC;
    GRANT USAGE ON SCHEMA astrid TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
    GRANT SELECT ON astrid.job_status, astrid.queue_status, astrid.queue_stats, astrid.worker_status, astrid.worker_metrics,
        astrid.dead_letters, astrid.health, astrid.bulk_status, astrid.export_status,
        astrid.event_log, astrid.subscription_status
        TO astrid_admin, astrid_producer, astrid_worker, astrid_reader;
    FOR f IN
        SELECT p.oid::regprocedure AS signature, p.prokind,
               regexp_replace(p.proname, '^astrid_', '') AS name
          FROM pg_proc p
          JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
         WHERE e.extname = 'astrid'
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', f.signature);
        CONTINUE WHEN f.name ~ '^_' AND f.name NOT IN ('_number', '_health', '_event_payload');
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO astrid_admin', f.signature);
        FOR class IN SELECT * FROM (VALUES
            ('astrid_reader', '{clock,_number,_health,_event_payload,job,why,validate,events,event_cursor}'::text[]),
            ('astrid_producer', '{clock,_number,_health,_event_payload,job,why,validate,events,event_cursor,enqueue,
                                  enqueue_batch,cancel,publish,enqueue_trigger,publish_trigger}'),
            ('astrid_worker', '{clock,_number,_health,_event_payload,job,why,validate,events,event_cursor,enqueue,
                                enqueue_batch,publish,claim,complete,complete_batch,complete_and_claim,check_lease,fail,snooze,heartbeat,
                                progress,log,reap,maintain,wait}'))
            v (role_name, functions)
        LOOP
            IF f.name = ANY (class.functions) THEN
                EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', f.signature, class.role_name);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
