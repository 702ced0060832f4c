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
