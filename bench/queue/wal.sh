# WAL per job, and what a million jobs leave behind (sourced by run.sh). Run nothing else on the cluster meanwhile.

hot="'ready', 'waiting', 'running', 'dead', 'unique_key', 'dependency', 'token', 'group_slot', 'bucket'"

bench_wal() {
    local before bytes jobs=1000000 left
    # In new tables: the file of one that other parts have grown stays as it is.
    sql -c 'SET client_min_messages = warning' -c 'DROP EXTENSION IF EXISTS astrid'
    sql -f - < <(text astrid setup.sql 100 0) >/dev/null
    sql -c 'VACUUM' -c 'CHECKPOINT' -c 'SELECT pg_stat_reset()' >/dev/null
    before=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
    cat <(text astrid enqueue_batch.sql 100 0) <(text astrid drain.sql 100 0) >"$dir/script.sql"
    tps "$dir/script.sql" 4 -t $((jobs / 400)) >/dev/null
    bytes=$(sql -c "SELECT pg_current_wal_insert_lsn() - '$before'::pg_lsn")
    printf 'wal      batch 100: %d bytes per job: enqueue, claim, complete, history (wanted below 2048)\n' $((bytes / jobs))
    # The counters of a session arrive when it ends.
    until [ "$(sql -c "SELECT sum(n_tup_del) >= 1.9 * $jobs FROM pg_stat_user_tables WHERE relname IN ('ready', 'running')")" = t ]; do :; done
    sql -F ' ' -c "SELECT 'wal      dead tuples per million jobs, ' || relname || ':', n_tup_del + n_tup_upd, 'bytes', pg_total_relation_size(relid)
                     FROM pg_stat_user_tables WHERE schemaname = 'astrid' AND n_tup_del + n_tup_upd > 0 ORDER BY relname"
    sql -c "VACUUM $(sed "s/'\([a-z_]*\)'/astrid.\1/g" <<<"$hot")"
    left=$(sql -c "SELECT sum(pg_total_relation_size(('astrid.' || t)::regclass)) FROM unnest(ARRAY[$hot]) t")
    printf 'wal      hot tables and indexes after %d jobs and one vacuum: %d bytes (wanted below 10485760)\n' "$jobs" "$left"
}
