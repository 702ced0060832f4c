#!/bin/bash
# make demo: a night from raw frames to transients, on a private PostgreSQL in a folder of its own.
#   demo.sh start    environment: SEED (1), SLOTS (2), DATA (folder of your own FITS files), REFERENCE (glob of the
#                    references among them), PG_CONFIG, DEMO_FOLDER
#   demo.sh stop     end the worker and the server, keep the folder
#   demo.sh clean    stop, and remove the folder
# Exit status of start: 0 where every bound was met, 1 where one was not, 2 where the demo could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
PGBIN=$("$PG_CONFIG" --bindir)
SEED=${SEED:-1}
SLOTS=${SLOTS:-2}
DATA=${DATA:-}
REFERENCE=${REFERENCE:-}
pointer=$top/build/demo.folder # where the folder of this clone's demo is

die() {
    echo "demo: $*" >&2
    exit 2
}
# Servers refuse root: as root, all that runs runs as postgres.
as_owner() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- env HOME=/tmp PATH="$PGBIN:$PATH" "$@")
    else
        env PATH="$PGBIN:$PATH" "$@"
    fi
}
sql() { as_owner psql -X -q -v ON_ERROR_STOP=1 -h "$folder/socket" -U astrid -d astrid "$@"; }

# In the clone, unless the server's user cannot get there (a clone below /root) or the socket's name would be too long.
choose_folder() {
    folder=${DEMO_FOLDER:-}
    [ -n "$folder" ] || [ ! -s "$pointer" ] || folder=$(cat "$pointer")
    [ -z "$folder" ] || return 0
    folder=$top/demo
    if [ ${#folder} -gt 80 ] || ! as_owner test -x "$top"; then
        folder=$(mktemp -d /tmp/astrid-demo.XXXXXX)
    fi
}

choose_programs() {
    for bin in "$top/build/worker" /usr/local/bin; do
        ! as_owner test -x "$bin/astrid-worker" || return 0
    done
    die "no astrid-worker that the user of the server can run; make install"
}

install_astrid() {
    local sudo=""
    if [ ! -w "$("$PG_CONFIG" --sharedir)/extension" ] || [ ! -w /usr/local/bin ]; then
        command -v sudo >/dev/null || die "installing the extension needs root, or sudo"
        sudo=sudo
    fi
    $sudo make -s -C "$top" install PG_CONFIG="$PG_CONFIG" >"$folder/install.log" 2>&1 ||
        { tail -20 "$folder/install.log" >&2; die "make install failed"; }
}

server_runs() { [ -f "$folder/pg/PG_VERSION" ] && as_owner pg_ctl -s -D "$folder/pg" status >/dev/null 2>&1; }

# The pid of an old run may be another program's by now.
worker_runs() {
    [ -s "$folder/worker.pid" ] && grep -qa astrid-worker "/proc/$(cat "$folder/worker.pid")/cmdline" 2>/dev/null
}

# Drain for ten seconds, then end it.
stop() {
    ! worker_runs || as_owner kill -TERM "$(cat "$folder/worker.pid")"
    for _ in $(seq 100); do
        worker_runs || break
        sleep 0.1
    done
    ! worker_runs || as_owner kill -KILL "$(cat "$folder/worker.pid")"
    rm -f "$folder/worker.pid"
    ! server_runs || as_owner pg_ctl -s -D "$folder/pg" -m fast stop
}

# Only ever removes a folder that this script marked as its own.
clean() {
    stop
    if [ -e "$folder/astrid-demo" ]; then
        find "$folder" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
        rmdir "$folder" 2>/dev/null || true
    fi
    rm -f "$pointer"
}

make_folder() {
    if [ -e "$folder" ] && [ ! -e "$folder/astrid-demo" ] && [ -n "$(ls -A "$folder")" ]; then
        die "$folder exists and is not the demo's; set DEMO_FOLDER"
    fi
    clean
    mkdir -p "$folder" "$top/build"
    touch "$folder/astrid-demo"
    echo "$folder" >"$pointer"
    mkdir "$folder/socket" "$folder/data" "$folder/log"
    [ "$(id -u)" != 0 ] || chown -R postgres: "$folder"
}

start_server() {
    as_owner initdb -D "$folder/pg" -U astrid -A trust -E UTF8 --locale=C --no-sync >"$folder/log/initdb.log"
    # The demo's data can be made again: no fsync. Reachable through its socket only.
    as_owner pg_ctl -s -w -D "$folder/pg" -l "$folder/log/postgresql.log" -o "-c listen_addresses='' \
        -c unix_socket_directories='$folder/socket' -c shared_preload_libraries=astrid -c fsync=off \
        -c max_worker_processes=16 -c timezone=UTC -c client_min_messages=warning" start ||
        { tail -5 "$folder/log/postgresql.log" >&2; die "PostgreSQL did not start"; }
    as_owner psql -X -q -h "$folder/socket" -U astrid -d postgres -c 'CREATE DATABASE astrid'
    sql -c 'CREATE EXTENSION astrid; CREATE EXTENSION q3c; CREATE EXTENSION astrid_sky; SELECT sky.install_defaults()' >/dev/null
}

start_worker() {
    # shellcheck disable=SC2016 # the inner shell expands them
    as_owner sh -c 'echo $$ >"$0/worker.pid"; exec setsid "$@" >"$0/log/worker.log" 2>&1 </dev/null' "$folder" \
        "$bin/astrid-worker" --conninfo="host=$folder/socket user=astrid dbname=astrid" --concurrency="$SLOTS" \
        --queues=observation_ingestion,preprocessing,differencing,detection,curation,notification \
        --read_roots="$1" --data_dir="$folder/data" >/dev/null 2>&1 </dev/null & # a pipe after make demo must see its end
    for _ in $(seq 100); do
        ! worker_runs || return 0
        sleep 0.1
    done
    die "astrid-worker did not start; see $folder/log/worker.log"
}

# One file per line on stdin: kind, tab, path. Calibration frames go first, references before science frames.
enqueue_files() {
    sed 's/"/""/g; s/^\([^\t]*\)\t\(.*\)$/"\1","\2"/' >"$folder/files.csv"
    sql -At <<SQL
CREATE TEMP TABLE files (kind text, uri text);
COPY files FROM '$folder/files.csv' WITH (FORMAT csv);
SELECT count(astrid_enqueue('observation_ingestion', jsonb_strip_nulls(jsonb_build_object('uri', uri, 'kind', NULLIF(kind, ''))),
    priority => CASE WHEN kind IN ('bias', 'dark', 'flat') THEN -20 WHEN kind = 'reference' THEN -10 ELSE -5 END))
FROM (SELECT kind, uri FROM files ORDER BY uri) AS f;
SQL
}

# Draws a bar until no job is live. $1: the number of jobs that the files will need.
watch_jobs() {
    local expected=$1 completed live dead line last="" bar=40 idle=0 filled
    while [ $idle -lt 2 ]; do
        IFS='|' read -r completed live dead < <(sql -At -c "
            SELECT count(*) FILTER (WHERE state = 'completed'),
                   count(*) FILTER (WHERE state IN ('ready', 'running', 'scheduled', 'blocked')),
                   count(*) FILTER (WHERE state = 'dead') FROM astrid.job_status")
        idle=$((live == 0 ? idle + 1 : 0))
        [ $((completed + live)) -le "$expected" ] || expected=$((completed + live))
        line="$completed of $expected jobs done, $live waiting or running, $dead dead"
        filled=$((expected > 0 ? bar * completed / expected : bar))
        if [ -t 1 ]; then
            printf '\r[%s%s] %s   ' "$(printf '%*s' $filled '' | tr ' ' '#')" \
                "$(printf '%*s' $((bar - filled)) '' | tr ' ' '.')" "$line"
        elif [ "$line" != "$last" ] && [ $((completed / 10)) != "${step:-}" ]; then
            echo "  $line"
            step=$((completed / 10))
        fi
        last=$line
        worker_runs || die "the worker has ended; see $folder/log/worker.log"
        sleep 0.5
    done
    [ ! -t 1 ] || echo
    dead_jobs=$dead
    [ "$dead" = 0 ] || sql -c "SELECT queue_name, payload ->> 'uri' AS file, left(error, 100) AS error FROM astrid.job_status WHERE state = 'dead'"
}

# How much our masks exclude beyond the truth, one line per epoch.
compare_masks() {
    local file uri truth
    echo file,field,beyond,truth_fraction,missed
    tail -n +2 "$folder/night/frames.csv" | while IFS=, read -r file field epoch kind _; do
        [ "$kind" = science ] || continue
        truth=$folder/night/truth/mask_${field}_$epoch.fits
        uri=$(sql -At -v file="/$file" <<<"SELECT i.uri FROM sky.images i JOIN sky.observations o USING (observation_id)
            WHERE i.kind = 'difference' AND right(o.uri, length(:'file')) = :'file' ORDER BY i.image_id DESC LIMIT 1")
        if [ -z "$uri" ]; then
            echo "$file,$field,,,"
            continue
        fi
        as_owner "$bin/astrid" mask_compare "$uri" "$truth" |
            sed -n "s/.*\"truth\":\([0-9.e-]*\).*\"beyond\":\([0-9.e-]*\).*\"missed\":\([0-9.e-]*\).*/$file,$field,\2,\1,\3/p"
    done
}

contact_sheet() {
    sql -At -F "$(printf '\t')" <"$here/candidates.sql" >"$folder/candidates.tsv"
    [ -s "$folder/candidates.tsv" ] || { echo "No candidates to show."; return 0; }
    as_owner "$bin/astrid" contact_sheet --list "$folder/candidates.tsv" --out "$folder/contact_sheet.png" \
        --title "science, reference, difference: best, then worst" >/dev/null
    echo "Contact sheet (science, reference, difference; best first): $folder/contact_sheet.png"
}

report() {
    echo
    sql <"$here/report.sql"
    contact_sheet
    cat <<TEXT

Go on exploring:  psql -h $folder/socket -U astrid astrid
  SELECT observation_id, x, y, flux, snr, flags FROM sky.detections ORDER BY snr DESC LIMIT 20;
  SELECT * FROM sky.light_curve WHERE object_id = (SELECT object_id FROM sky.detections ORDER BY snr DESC LIMIT 1);
  SELECT queue_name, state, count(*), avg(finished_at - started_at) FROM astrid.job_status GROUP BY 1, 2;
  SELECT jsonb_pretty(astrid_job(max(job_id))), astrid_why(max(job_id)) FROM astrid.job_status;
  SELECT worker_id, status, tasks_processed, memory_usage, last_heartbeat FROM astrid.worker_status;
make demo-stop ends it, make demo-clean removes it.
TEXT
}

simulated_night() {
    local begin=$SECONDS status=0
    as_owner "$bin/astrid" simulate --out "$folder/night" --seed "$SEED"
    echo "simulated in $((SECONDS - begin)) s"
    begin=$SECONDS
    start_worker "$folder/night/raw"
    for file in "$folder"/night/raw/*.fits; do
        case ${file##*/} in
            bias_* | dark_* | flat_*) kind=${file##*/} kind=${kind%%_*} ;;
            ref_*) kind=reference ;;
            *) kind=science ;;
        esac
        printf '%s\t%s\n' "$kind" "$file"
    done >"$folder/files"
    echo "$(enqueue_files <"$folder/files") frames enqueued"
    watch_jobs $(($(grep -c '^[bdf]' "$folder/files") + 2 * $(grep -c '^reference' "$folder/files") + 6 * $(grep -c '^science' "$folder/files")))
    echo "processed in $((SECONDS - begin)) s"
    compare_masks >"$folder/masks.csv"
    sql -v truth="$folder/night/truth.csv" -v masks="$folder/masks.csv" <"$here/score.sql" || status=1
    report
    [ "$dead_jobs" = 0 ] || { echo "demo: $dead_jobs jobs are dead" >&2; status=1; }
    [ $status = 0 ] || echo "demo: the bounds were not met (seed $SEED); see the message above" >&2
    return $status
}

own_files() {
    local n references
    DATA=$(cd "$DATA" 2>/dev/null && pwd) || die "DATA is not a folder"
    as_owner test -r "$DATA" -a -x "$DATA" || die "the server's user cannot read $DATA"
    start_worker "$DATA"
    find -L "$DATA" -type f \( -iname '*.fits' -o -iname '*.fit' -o -iname '*.fts' -o -iname '*.fits.*' \) | sort |
        while read -r file; do
            # shellcheck disable=SC2254 # REFERENCE is a glob on purpose
            case ${file##*/} in $REFERENCE) kind=reference ;; *) kind="" ;; esac
            printf '%s\t%s\n' "$kind" "$file"
        done >"$folder/files"
    n=$(wc -l <"$folder/files")
    references=$(grep -c '^reference' "$folder/files" || true)
    [ "$n" -gt 0 ] || die "no FITS files below $DATA"
    echo "$(enqueue_files <"$folder/files") files enqueued, $references of them references"
    watch_jobs $((n + 5 * (n - references)))
    sql -c "SELECT regexp_replace(uri, '^.*/', '') AS file, kind, band, finished_stage, state, left(reason, 70) AS reason, n_detections
            FROM sky.observation_status ORDER BY uri"
    report
    sql -At -v data="$folder/data" <"$here/no_reference.sql"
}

start() {
    choose_folder
    make_folder
    install_astrid
    choose_programs
    start_server
    echo "PostgreSQL $(sql -At -c 'SHOW server_version') runs in $folder"
    if [ -n "$DATA" ]; then own_files; else simulated_night; fi
}

case ${1:-start} in
    start) start ;;
    stop) choose_folder && stop ;;
    clean) choose_folder && clean ;;
    *) die "start, stop or clean" ;;
esac
