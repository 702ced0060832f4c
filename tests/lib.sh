# Shared by the test steps (sourced): where things are, who runs servers, how results are told.
#
# Every step prints TAP lines ('ok - name', 'not ok - name', 'ok - name # SKIP why'); tests/run.sh counts them.
set -uo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
PGBIN=$("$PG_CONFIG" --bindir)
PGXS_DIR=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
ASTRID_BIN=${ASTRID_BIN:-$top/build/worker}
ASTRID_TEST_DATA=${ASTRID_TEST_DATA:-$top/../shared/data}
export PG_CONFIG PGBIN ASTRID_BIN ASTRID_TEST_DATA

ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; }
skip() { echo "ok - $1 # SKIP $2"; }
# check NAME COMMAND...: ok when the command succeeds.
check() {
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}

# Servers refuse root: as root they run as postgres. Everything they write lies in a scratch folder of theirs.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- env HOME=/tmp PATH="$PGBIN:$PATH" "$@"
    else
        env PATH="$PGBIN:$PATH" "$@"
    fi
}
make_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/astrid-test.XXXXXX")
    chmod 755 "$scratch"
    [ "$(id -u)" != 0 ] || chown postgres: "$scratch"
    trap 'rm -rf "$scratch"' EXIT
}

# pg_suite TOOL FOLDER ENDING OPTIONS...: pg_regress or pg_isolation_regress over regress/FOLDER, on a server of its own.
pg_suite() {
    local tool=$1 folder=$2 ending=$3 tests status
    shift 3
    make_scratch
    cp -r "$top/regress" "$scratch/regress"
    [ "$(id -u)" != 0 ] || chown -R postgres: "$scratch"
    cd "$scratch" || exit 1
    tests=$(cd "regress/$folder" && ls ./*."$ending" | sed "s,^\./,,; s,\.$ending\$,,")
    as_postgres "$tool" --bindir="$PGBIN" --inputdir="$scratch/regress" --outputdir="$scratch/out" \
        --temp-instance="$scratch/instance" --temp-config="$scratch/regress/astrid.conf" \
        --port=$((60000 + RANDOM % 5000)) "$@" $tests >"$scratch/suite.log" 2>&1
    status=$?
    sed -nE 's/^test +([a-z0-9_]+) +\.\.\. ok.*/ok - \1/p; s/^test +([a-z0-9_]+) +\.\.\. FAILED.*/not ok - \1/p' suite.log
    if [ $status -ne 0 ]; then
        tail -30 suite.log
        cat out/regression.diffs out/log/initdb.log 2>/dev/null
    fi
    return $status
}
