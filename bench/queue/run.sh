#!/bin/bash
# The queue beside its peers on one private cluster: ratios of neighbouring runs, medians over rounds.
#   bench/queue/run.sh [drain|enqueue|snapshot|backlog|wal|wake|heartbeat|features ...]         default: all
# Environment: ROUNDS (5), SNAPSHOT_SECONDS (120), HOLDS (snapshot prepared standby dump), PGMQ (pgmq's install script, absent: skipped), PG_CONFIG.
# A figure is a ratio of two runs made one after the other, A B A B ...: machines drift, neighbours do not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${ROUNDS:-5}
seconds=${SNAPSHOT_SECONDS:-120}
bin=$("${PG_CONFIG:-pg_config}" --bindir)
dir=$(mktemp -d "${TMPDIR:-/tmp}/astrid-bench.XXXXXX")
export PGHOST=$dir PGPORT=54999 PGUSER=postgres PGDATABASE=bench
payload='{"t": 0, "task": "send_email", "to": "someone@example.org", "body": "the quick brown fox jumps over the lazy dog and then does it all again before lunch the quick brown fox jumps over the lazy dog and th"}'

as_pg() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }

start_cluster() {
    chmod 755 "$dir"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    as_pg "$bin/initdb" -D "$dir/data" -A trust -U postgres -E UTF8 --no-locale >/dev/null
    as_pg tee -a "$dir/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
port = $PGPORT
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 30min
max_connections = 1000
max_prepared_transactions = 10
shared_preload_libraries = 'astrid'
CONF
    as_pg "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null
    "$bin/createdb" bench
}
stop_cluster() {
    as_pg "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}

sql() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 "$@"; }

# text CONTENDER FILE BATCH N: the file with its @marks@ replaced.
text() {
    sed -e "s/@batch@/$3/g" -e "s/@n@/$4/g" -e "s|@payload@|${payload//&/\\&}|g" "$here/contenders/$1/$2"
}

# tps FILE CLIENTS PGBENCH-ARGUMENTS...: transactions per second
tps() {
    local script=$1 clients=$2
    shift 2
    "$bin/pgbench" -n -M prepared -c "$clients" -j $((clients < 2 ? clients : 2)) -D ids={} -D leases={} -f "$script" "$@" 2>"$dir/err" |
        sed -nE 's/^tps = ([0-9.]+).*/\1/p'
}

# drain CONTENDER CLIENTS BATCH: jobs per second, from what really left the queue.
drain() {
    local transactions=20000 jobs done_ before
    [ "$3" -lt 100 ] || transactions=2000
    jobs=$((transactions * $3 + 10 * $3 * $2))
    sql -f - < <(text "$1" setup.sql "$3" "$jobs") >/dev/null
    sql -f - < <(text "$1" preload.sql "$3" "$jobs") >/dev/null
    sql -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
    before=$(sql -f - < <(text "$1" ready.sql "$3" "$jobs"))
    text "$1" drain.sql "$3" "$jobs" >"$dir/script.sql"
    rate=$(tps "$dir/script.sql" "$2" -t $((transactions / $2)))
    done_=$((before - $(sql -f - < <(text "$1" ready.sql "$3" "$jobs"))))
    awk -v d="$done_" -v r="$rate" -v n=$((transactions / $2 * $2)) 'BEGIN {print d * r / n}'
}

# enqueue CONTENDER CLIENTS BATCH: jobs per second over 4 s.
enqueue() {
    sql -f - < <(text "$1" setup.sql "$3" 0) >/dev/null
    sql -c 'CHECKPOINT'
    text "$1" "$([ "$3" -eq 1 ] && echo enqueue.sql || echo enqueue_batch.sql)" "$3" 0 >"$dir/script.sql"
    awk -v r="$(tps "$dir/script.sql" "$2" -T 4)" -v b="$3" 'BEGIN {print r * b}'
}

# steady CONTENDER CLIENTS BATCH: jobs per second in the last window of a loop of enqueue and drain over a backlog.
# HOLD names what holds an old snapshot meanwhile.
steady() {
    sql -f - < <(text "$1" setup.sql "$3" 10000) >/dev/null
    sql -f - < <(text "$1" preload.sql "$3" 10000) >/dev/null
    sql -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
    cat <(text "$1" enqueue.sql "$3" 0) <(text "$1" drain.sql "$3" 0) >"$dir/script.sql"
    "hold_$HOLD" begin
    tps "$dir/script.sql" "$2" -T "$seconds" -P 10 >/dev/null
    "hold_$HOLD" end
    sed -nE 's/^progress: .* ([0-9.]+) tps.*/\1/p' "$dir/err" | tail -1
}
median() { sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

# compare WORKLOAD A B CLIENTS BATCH WANTED: rounds of A, B; prints the median ratio A/B.
compare() {
    local a b as="" bs="" ratios=""
    case $2$3 in *pgmq*) [ -n "${PGMQ:-}" ] || { echo "$1 $2 / $3 clients $4 batch $5: skipped, PGMQ= is not set"; return; } ;; esac
    for _ in $(seq "$rounds"); do
        a=$("$1" "$2" "$4" "$5")
        b=$("$1" "$3" "$4" "$5")
        as="$as$a"$'\n' bs="$bs$b"$'\n' ratios="$ratios$(awk -v a="$a" -v b="$b" 'BEGIN {print a / b}')"$'\n'
    done
    printf '%-8s %8s / %-12s clients %2d batch %4d: ratio %5.2f (wanted %s)   %7.0f / %7.0f jobs/s\n' "$1" "$2" "$3" "$4" "$5" \
        "$(median <<<"${ratios%$'\n'}")" "$6" "$(median <<<"${as%$'\n'}")" "$(median <<<"${bs%$'\n'}")"
}

bench_drain() {
    for clients in 4 16; do
        compare drain astrid raw2 $clients 1 1.4
        compare drain astrid pgmq_archive $clients 1 2.5
        compare drain astrid2 raw2 $clients 1 0.9
    done
    compare drain astrid raw2 4 100 1.0
    compare drain astrid pgmq_archive 4 100 1.7
}

bench_enqueue() {
    compare enqueue astrid raw 4 1 0.7
    compare enqueue astrid pgmq 4 1 1.2
    compare enqueue astrid pgmq 4 1000 0.8
}

bench_snapshot() {
    for HOLD in ${HOLDS:-snapshot prepared standby dump}; do
        compare_held
    done
}

# compare_held: what HOLD names against a control without it and against raw; once with the claim floor switched off. The
# control of a query on a standby is that standby: it replays on the same processors.
compare_held() {
    local held=$HOLD control=nothing a b c ratios="" raws=""
    [ "$held" != standby ] || control=replica
    for _ in $(seq "$rounds"); do
        a=$(steady astrid 4 1)
        b=$(HOLD=$control steady astrid 4 1)
        c=$(steady raw 4 1)
        printf 'snapshot %-10s last 10 s of %d s: astrid %5.0f, without %5.0f, raw %5.0f jobs/s\n' "$held" "$seconds" "$a" "$b" "$c"
        ratios="$ratios$(awk -v a="$a" -v b="$b" 'BEGIN {print a / b}')"$'\n'
        raws="$raws$(awk -v a="$a" -v b="$c" 'BEGIN {print a / b}')"$'\n'
    done
    printf 'snapshot %-10s held / not held %5.2f (wanted 0.9), held / raw held %5.2f (wanted 3)   floor off, once: %5.0f jobs/s\n' "$held" \
        "$(median <<<"${ratios%$'\n'}")" "$(median <<<"${raws%$'\n'}")" "$(PGOPTIONS='-c astrid.claim_floor=off' steady astrid 4 1)"
}

. "$here/hold.sh"
. "$here/backlog.sh"
. "$here/wal.sh"
. "$here/sessions.sh"
. "$here/features.sh"

trap stop_cluster EXIT
start_cluster
[ -z "${PGMQ:-}" ] || sql -f "$PGMQ" >/dev/null
[ $# -gt 0 ] || set -- drain enqueue snapshot backlog wal wake heartbeat features
for bench in "$@"; do
    "bench_$bench"
done
