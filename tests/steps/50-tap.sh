# Life cycle of server and workers (PostgreSQL::Test, prove): tests/tap. ASTRID_TAP: part of a name, to run only those.
. "$(dirname "$0")/../lib.sh"
make_scratch
# Copies: the clone may lie where the postgres user cannot go.
mkdir "$scratch/bin"
cp -r "$top/tests/tap" "$top/tests/limit.pl" "$top/tests/upgrade" "$top/contrib" "$top/include" "$scratch"
cp "$ASTRID_BIN"/astrid* "$scratch/bin"
[ "$(id -u)" != 0 ] || chown -R postgres: "$scratch"
cd "$scratch" || exit 1
limit=$([ -n "${ASTRID_CHECK_LONG:-}" ] && echo 7200 || echo $((300 + 2 * ${CHAOS_SECONDS:-0}))) # s for one file
# As root, where cgroup version 2 has its controllers on: a subtree for the tests' account (182_worker_cgroup).
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
export ASTRID_TEST_CGROUP=""
if [ "$(id -u)" = 0 ] && grep -qsw memory "$cgroups/cgroup.subtree_control" && mkdir "$cgroups/astrid-test-$$"; then
    ASTRID_TEST_CGROUP=$cgroups/astrid-test-$$
    mkdir "$ASTRID_TEST_CGROUP/tests"
    echo "+memory +cpu" >"$ASTRID_TEST_CGROUP/cgroup.subtree_control"
    chown postgres: "$ASTRID_TEST_CGROUP" "$ASTRID_TEST_CGROUP/cgroup.procs"
fi
(
    [ -z "$ASTRID_TEST_CGROUP" ] || echo $BASHPID >"$ASTRID_TEST_CGROUP/tests/cgroup.procs"
    as_postgres env PG_REGRESS="$PGXS_DIR/src/test/regress/pg_regress" ASTRID_BIN="$scratch/bin" ASTRID_TOP="$scratch" \
        ASTRID_CHECK_LONG="${ASTRID_CHECK_LONG:-}" PERL5LIB="$PGXS_DIR/src/test/perl:$scratch/tap" \
        prove --verbose --timer --exec "$scratch/limit.pl $limit perl" "$scratch"/tap/*"${ASTRID_TAP:-}"*.pl
)
status=$?
[ -z "$ASTRID_TEST_CGROUP" ] || rmdir "$ASTRID_TEST_CGROUP/tests" "$ASTRID_TEST_CGROUP"
[ $status -eq 0 ] || tail -n 40 "$scratch"/tmp_check/log/* 2>/dev/null
exit $status
