# Life cycle of server and workers (PostgreSQL::Test, prove): tests/tap. ASTRID_TAP: part of a name, to run only those.
. "$(dirname "$0")/../lib.sh"
make_scratch
# Copies: the clone may lie where the postgres user cannot go.
mkdir "$scratch/bin"
cp -r "$top/tests/tap" "$top/tests/upgrade" "$top/contrib" "$top/include" "$scratch"
cp "$ASTRID_BIN"/astrid* "$scratch/bin"
[ "$(id -u)" != 0 ] || chown -R postgres: "$scratch"
cd "$scratch" || exit 1
as_postgres env PG_REGRESS="$PGXS_DIR/src/test/regress/pg_regress" ASTRID_BIN="$scratch/bin" ASTRID_TOP="$scratch" \
    ASTRID_CHECK_LONG="${ASTRID_CHECK_LONG:-}" \
    prove --verbose -I "$PGXS_DIR/src/test/perl" -I "$scratch/tap" "$scratch"/tap/*"${ASTRID_TAP:-}"*.pl
status=$?
[ $status -eq 0 ] || tail -n 40 "$scratch"/tmp_check/log/* 2>/dev/null
exit $status
