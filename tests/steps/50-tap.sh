# Life cycle of server and workers (PostgreSQL::Test, prove): tests/tap.
. "$(dirname "$0")/../lib.sh"
make_scratch
cp -r "$top/tests/tap" "$scratch/tap"
[ "$(id -u)" != 0 ] || chown -R postgres: "$scratch"
cd "$scratch" || exit 1
as_postgres env PG_REGRESS="$PGXS_DIR/src/test/regress/pg_regress" TESTDATADIR="$scratch/data" TESTLOGDIR="$scratch/log" \
    ASTRID_CHECK_LONG="${ASTRID_CHECK_LONG:-}" ASTRID_TOP="$top" \
    prove --verbose -I "$PGXS_DIR/src/test/perl" -I "$scratch/tap" "$scratch"/tap/*.pl
status=$?
[ $status -eq 0 ] || tail -n 40 "$scratch"/log/*.log 2>/dev/null
exit $status
