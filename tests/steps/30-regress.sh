# SQL regression tests (pg_regress) on a server of their own: regress/sql by topic.
. "$(dirname "$0")/../lib.sh"
pg_suite "$PGXS_DIR/src/test/regress/pg_regress" sql sql
