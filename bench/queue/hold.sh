# What keeps dead rows alive (sourced by run.sh): hold_NAME begin, hold_NAME end. Each waits until the snapshot is held.

held() { until [ "$(sql -c "SELECT count(*) > 0 FROM $1")" = t ]; do :; done; }

# A session that begins a transaction in database $2 of host $1 and keeps it open.
open_session() {
    mkfifo "$dir/held"
    "$bin/psql" -Xq -h "$1" -d "$2" -f "$dir/held" >/dev/null &
    holder=$!
    exec 9>"$dir/held"
    echo 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;' >&9
}
close_session() {
    exec 9>&-
    wait "$holder"
    rm "$dir/held"
}

hold_nothing() { :; }

hold_snapshot() {
    case $1 in
    begin)
        open_session "$PGHOST" bench
        held "pg_stat_activity WHERE state = 'idle in transaction' AND backend_xmin IS NOT NULL"
        ;;
    end) close_session ;;
    esac
}

hold_prepared() {
    case $1 in
    begin) sql -c "BEGIN; CREATE TABLE held (); PREPARE TRANSACTION 'held'" ;;
    end) sql -c "ROLLBACK PREPARED 'held'" ;;
    esac
}

# A standby with a physical slot and hot_standby_feedback.
hold_replica() {
    case $1 in
    begin)
        as_pg "$bin/pg_basebackup" -h "$PGHOST" -p "$PGPORT" -U postgres -D "$dir/standby" -R -C -S standby -c fast
        as_pg mkdir "$dir/socket"
        as_pg tee -a "$dir/standby/postgresql.conf" >/dev/null <<CONF
unix_socket_directories = '$dir/socket'
hot_standby_feedback = on
wal_receiver_status_interval = 1
max_standby_streaming_delay = -1
CONF
        as_pg "$bin/pg_ctl" -D "$dir/standby" -l "$dir/standby.log" -w start >/dev/null
        held "pg_replication_slots WHERE active"
        ;;
    end)
        as_pg "$bin/pg_ctl" -D "$dir/standby" -m immediate -w stop >/dev/null
        rm -rf "$dir/standby" "$dir/socket"
        until sql -c "SELECT pg_drop_replication_slot('standby')" >/dev/null 2>&1; do :; done
        ;;
    esac
}

# The same, and a query is open on it.
hold_standby() {
    case $1 in
    begin)
        hold_replica begin
        open_session "$dir/socket" bench
        held "pg_replication_slots WHERE xmin IS NOT NULL"
        ;;
    end)
        close_session
        hold_replica end
        ;;
    esac
}

# A pg_dump whose output nobody takes.
hold_dump() {
    case $1 in
    begin)
        mkfifo "$dir/dump"
        exec 8<>"$dir/dump"
        "$bin/pg_dump" bench >"$dir/dump" &
        dump=$!
        held "pg_stat_activity WHERE application_name = 'pg_dump' AND query ~ '^COPY'"
        ;;
    end)
        kill "$dump"
        wait "$dump" || true
        exec 8>&-
        rm "$dir/dump"
        ;;
    esac
}
