# SQL regression tests (pg_regress) on a server of their own: regress/sql by topic.
. "$(dirname "$0")/../lib.sh"
make_scratch
cp -r "$top/regress" "$scratch/regress"
[ "$(id -u)" != 0 ] || chown -R postgres: "$scratch"
cd "$scratch" || exit 1
tests=$(cd regress/sql && ls ./*.sql | sed 's,^\./,,; s,\.sql$,,')
as_postgres "$PGXS_DIR/src/test/regress/pg_regress" --bindir="$PGBIN" --inputdir="$scratch/regress" \
    --outputdir="$scratch/out" --temp-instance="$scratch/instance" --temp-config="$scratch/regress/astrid.conf" \
    --port=$((60000 + RANDOM % 5000)) $tests >"$scratch/pg_regress.log" 2>&1
status=$?
sed -nE 's/^test +([a-z0-9_]+) +\.\.\. ok.*/ok - \1/p; s/^test +([a-z0-9_]+) +\.\.\. FAILED.*/not ok - \1/p' "$scratch/pg_regress.log"
if [ $status -ne 0 ]; then
    tail -30 "$scratch/pg_regress.log"
    cat "$scratch/out/regression.diffs" "$scratch/out/log/initdb.log" 2>/dev/null
fi
exit $status
