# What many sessions cost: wake-up of an idle worker, idle waiters, heartbeats. Sourced by run.sh, whose functions it uses.
#
# Background sessions are pgbench clients of their own, started and ended around the run that they are to disturb.

crowd_pid=""
# crowd N TEXT: that many sessions that repeat the script, until disperse. It returns when all are at it.
crowd() {
    printf '%s\n' "$2" >"$dir/crowd.sql"
    PGAPPNAME=crowd "$bin/pgbench" -n -c "$1" -j 1 -T 3600 -f "$dir/crowd.sql" >/dev/null 2>"$dir/crowd.err" &
    crowd_pid=$!
    until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crowd' AND query <> ''")" -eq "$1" ]; do
        kill -0 $crowd_pid || { cat "$dir/crowd.err" >&2; return 1; }
    done
}
disperse() {
    [ -n "$crowd_pid" ] || return 0
    kill "$crowd_pid" 2>/dev/null
    wait "$crowd_pid" 2>/dev/null || true
    crowd_pid=""
    sql -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'crowd'" >/dev/null
    until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crowd'")" -eq 0 ]; do :; done
}
# pgbench counts microseconds in 32 bits: no sleep of an hour.
wait_elsewhere="CALL astrid_wait('{bench_other}', '60 s');"
listen_and_idle=$'LISTEN bench_jobs;\n\\sleep 1000 s'

# latency NAME: from the acknowledged commit of an enqueue to the return of astrid_wait in another session.
latency() {
    local n=1000
    PGOPTIONS='-c client_min_messages=warning' sql -c 'DROP TABLE IF EXISTS bench_sent, bench_woken; CREATE TABLE bench_sent (job bigint, began timestamptz, committed timestamptz);
            CREATE TABLE bench_woken (job bigint, at timestamptz)'
    for _ in $(seq $((2 * n))); do
        echo "CALL astrid_wait('{bench_wake}', '10 s'); SELECT clock_timestamp() AS woken \\gset"
        echo "INSERT INTO bench_woken SELECT job_id, :'woken' FROM astrid_claim('{bench_wake}', 'w', 10) WHERE astrid_complete(job_id, lease_id);"
    done >"$dir/waiter.sql"
    for _ in $(seq $n); do
        echo "SELECT clock_timestamp() AS began \\gset"
        echo "SELECT astrid_enqueue('bench_wake', '{}') AS job \\gset"
        echo "SELECT clock_timestamp() AS committed \\gset"
        echo "INSERT INTO bench_sent VALUES (:job, :'began', :'committed'); SELECT pg_sleep(0.005);"
    done >"$dir/producer.sql"
    PGOPTIONS='-c synchronous_commit=off' sql -f "$dir/waiter.sql" >/dev/null 2>&1 &
    local waiter=$!
    until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL astrid_wait(''{bench_wake%' AND wait_event_type = 'Extension'")" -eq 1 ]; do :; done
    sql -f "$dir/producer.sql" >/dev/null
    sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL astrid_wait(''{bench_wake%'" >/dev/null
    wait $waiter || true # ended by the line above
    sql -F ' ' -c "SELECT format('%-36s', '$1'), to_char(p[1], '990.000'), 'ms p50', to_char(p[2], '990.000'), 'ms p99;  commit included',
            to_char(q[1], '990.000'), to_char(q[2], '990.000'), ' (' || n || ' jobs)'
        FROM (SELECT percentile_cont('{0.5,0.99}'::float8[]) WITHIN GROUP (ORDER BY 1e3 * extract(epoch FROM at - committed)),
                     percentile_cont('{0.5,0.99}'::float8[]) WITHIN GROUP (ORDER BY 1e3 * extract(epoch FROM at - began)), count(*)
                FROM bench_sent JOIN bench_woken USING (job)) r (p, q, n)"
}

# The enqueuers: jobs per second over 4 s at 4 clients.
enqueue_astrid() { enqueue astrid 4 1; }
enqueue_notify() {
    PGOPTIONS='-c client_min_messages=warning' sql -c 'DROP TABLE IF EXISTS bench_notify; CREATE TABLE bench_notify (id bigserial PRIMARY KEY, payload jsonb)' -c CHECKPOINT
    echo "WITH job AS (INSERT INTO bench_notify (payload) VALUES ('$payload') RETURNING id) SELECT pg_notify('bench_jobs', '') FROM job;" >"$dir/script.sql"
    tps "$dir/script.sql" 4 -T 4
}

# versus NAME WANTED "A" "B": rounds of A, B; the median of the ratios A/B. Each side: CROWD-SIZE CROWD-SCRIPT COMMAND...
side() {
    local n=$1 text=$2
    shift 2
    [ "$n" -eq 0 ] || crowd "$n" "$text"
    "$@"
    disperse
}
versus() {
    local name=$1 wanted=$2 a_side=$3 b_side=$4 a b ratios="" as="" bs=""
    for _ in $(seq "$rounds"); do
        a=$($a_side)
        b=$($b_side)
        as="$as$a"$'\n' bs="$bs$b"$'\n' ratios="$ratios$(awk -v a="$a" -v b="$b" 'BEGIN {print a / b}')"$'\n'
    done
    printf '%-62s ratio %6.2f (wanted %s)   %7.0f / %7.0f jobs/s\n' "$name" "$(median <<<"${ratios%$'\n'}")" "$wanted" \
        "$(median <<<"${as%$'\n'}")" "$(median <<<"${bs%$'\n'}")"
}

enqueue_alone() { side 0 '' enqueue_astrid; }
enqueue_beside_waiters() { side 200 "$wait_elsewhere" enqueue_astrid; }
enqueue_beside_listeners() { side 200 "$listen_and_idle" enqueue_notify; }

bench_wake() {
    sql -c 'CREATE EXTENSION IF NOT EXISTS astrid' -c "SELECT astrid_create_queue(q) FROM unnest('{bench_wake,bench_other}'::text[]) q" >/dev/null
    latency 'wake-up (wanted p50 1, p99 5)'
    crowd 200 "$wait_elsewhere"
    latency 'wake-up beside 200 idle waiters'
    disperse
    versus 'enqueue: beside 200 idle waiters / alone' 0.7 enqueue_beside_waiters enqueue_alone
    versus 'enqueue, 200 idle waiters / insert and NOTIFY, 200 listeners' 10 enqueue_beside_waiters enqueue_beside_listeners
}

# Each of 200 sessions holds 4 leases and beats once in PERIOD seconds, at random moments.
beats() {
    echo "\\set pause random(0, 2000 * $1)"
    echo "SELECT count(*) FROM bench_lease l, LATERAL astrid_heartbeat('c' || l.client, l.jobs, l.leases, '60 s', '{\"status\": \"BUSY\", \"tasks_processed\": 7, \"memory_usage\": 100}') WHERE l.client = :client_id;"
    echo '\sleep :pause ms'
}
# The same number of sessions, which do nothing: what the heartbeats cost, not the connections.
drain_beside_idle() { side 200 $'SELECT 1;\n\\sleep 1000 s' drain astrid 4 1; }
drain_beside_beats() { side 200 "$(beats "$period")" drain astrid 4 1; }

bench_heartbeat() {
    sql -c 'CREATE EXTENSION IF NOT EXISTS astrid' -c "SELECT astrid_create_queue('bench_held')" \
        -c "SELECT count(*) FROM astrid_enqueue_batch('bench_held', array_fill('{}'::jsonb, '{800}'))" \
        -c "CREATE TABLE bench_lease AS SELECT c AS client, array_agg(job_id) AS jobs, array_agg(lease_id) AS leases
              FROM generate_series(0, 199) c, LATERAL astrid_claim('{bench_held}', 'c' || c, 4, '1 day') GROUP BY c" \
        -c 'CREATE INDEX ON bench_lease (client)' >/dev/null
    for period in 20 5; do
        versus "drain beside 200 sessions that beat for 4 leases each $period s / that idle" 0.95 drain_beside_beats drain_beside_idle
    done
    [ "$(sql -c "SELECT count(*) FROM astrid.running WHERE queue_id = (SELECT queue_id FROM astrid.queue WHERE queue_name = 'bench_held')")" -eq 800 ] ||
        { echo 'heartbeat: leases were lost' >&2; return 1; }
}
