#!/bin/bash
# Every function and view of the queue is in docs/sql.md, every SQLSTATE too.
cd "$(dirname "$0")/../.." || exit 1
status=0
names=$(cat sql/astrid/*/*.sql | sed -nE 's/^CREATE (FUNCTION|PROCEDURE|VIEW) astrid\.([a-z][a-z_]*).*/\1 \2/p' | sort -u)
[ -n "$names" ] || { echo "found no function"; exit 1; }
while read -r kind name; do
    case $kind in VIEW) text="astrid.$name" ;; *) text="astrid_$name(" ;; esac
    grep -qF "$text" docs/sql.md || { echo "not in docs/sql.md: $text"; status=1; }
done <<<"$names"
for code in $(grep -oE '"QJ[0-9]+"' include/astrid/sqlstate.def | tr -d '"'); do
    grep -q "$code" docs/sql.md || { echo "not in docs/sql.md: $code"; status=1; }
done
exit $status
