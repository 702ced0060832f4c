# Races (isolationtester): regress/specs, a_vs_b.spec for each pair.
. "$(dirname "$0")/../lib.sh"
pg_suite "$PGXS_DIR/src/test/isolation/pg_isolation_regress" specs spec --load-extension=astrid
