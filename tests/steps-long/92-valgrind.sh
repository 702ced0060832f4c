# Memcheck: the unit tests, and the server while the regression tests run. The server is Debian's, which is not built
# for valgrind: of its own reports only those with a frame of astrid.so in them count.
. "$(dirname "$0")/../lib.sh"
command -v valgrind >/dev/null || { skip "valgrind" "valgrind is not installed"; exit 0; }
make_scratch

make -s -C "$top/worker" unit || exit 1
for program in "$ASTRID_BIN"/unit/test_*; do
    case $program in
        *.d) continue ;;
        # Files below roots are opened by openat2, which valgrind 3.19 does not know.
        */test_files | */test_fits) skip "memcheck $(basename "$program")" "valgrind has no openat2"; continue ;;
    esac
    check "memcheck $(basename "$program")" valgrind -q --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite --suppressions="$top/tests/valgrind.supp" --log-file="$scratch/unit.%p.log" "$program"
    cat "$scratch"/unit.*.log
    rm -f "$scratch"/unit.*.log
done

cp -r "$top/regress" "$scratch/regress"
mkdir "$scratch/valgrind"
[ "$(id -u)" != 0 ] || chown -R postgres: "$scratch"
cd "$scratch" || exit 1
as_postgres initdb -D data -A trust --no-sync -U postgres >/dev/null || exit 1
as_postgres sh -c "cat regress/astrid.conf - >>data/postgresql.conf" <<CONF
unix_socket_directories = '$scratch'
listen_addresses = ''
autovacuum = off
CONF
as_postgres valgrind --quiet --trace-children=yes --track-origins=yes --read-var-info=no --num-callers=30 \
    --log-file="$scratch/valgrind/%p.log" "$PGBIN/postgres" -D data >server.log 2>&1 &
server=$!
for _ in $(seq 120); do
    as_postgres pg_isready -q -h "$scratch" && break
    sleep 1
done
tests=$(cd regress/sql && ls ./*.sql | sed 's,^\./,,; s,\.sql$,,')
as_postgres "$PGXS_DIR/src/test/regress/pg_regress" --bindir="$PGBIN" --inputdir=regress --outputdir=out \
    --host="$scratch" --user=postgres --dbname=regression $tests >pg_regress.log 2>&1
check "regression tests pass under valgrind" test $? -eq 0
as_postgres pg_ctl -D data -m fast -w -t 300 stop >/dev/null
wait $server
grep -l 'astrid\.so' valgrind/*.log >found 2>/dev/null
check "memcheck has nothing to say about astrid.so" test ! -s found
[ ! -s found ] || xargs cat <found | head -200
