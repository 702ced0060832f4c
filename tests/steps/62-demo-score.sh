# The demo's scoring can fail: made-up detections against a made-up truth, one fault at a time.
. "$(dirname "$0")/../lib.sh"
make_scratch
mkdir "$scratch/socket"
[ "$(id -u)" != 0 ] || chown postgres: "$scratch/socket"
as_postgres initdb -D "$scratch/pg" -U astrid -A trust --no-sync >"$scratch/log" 2>&1 &&
    as_postgres pg_ctl -s -w -D "$scratch/pg" -l "$scratch/server.log" -o "-c listen_addresses='' -c fsync=off \
        -c unix_socket_directories='$scratch/socket'" start >>"$scratch/log" 2>&1 || { not_ok "a server for the score"; exit 0; }
trap 'as_postgres pg_ctl -s -m immediate -D "$scratch/pg" stop; rm -rf "$scratch"' EXIT
sql() { as_postgres psql -X -q -v ON_ERROR_STOP=1 -h "$scratch/socket" -U astrid -d postgres "$@"; }

# 130 transients of S/N 50 at two epochs of one field, and a variable star; each is found where it is.
sql <<'SQL' || not_ok "tables for the score"
CREATE SCHEMA sky;
CREATE TABLE sky.observations (observation_id bigint PRIMARY KEY, uri text);
CREATE TABLE sky.detections (detection_id bigint GENERATED ALWAYS AS IDENTITY, observation_id bigint, object_id bigint,
    x float8, y float8, flux float8, flux_err float8, snr float8, flags bigint);
INSERT INTO sky.observations VALUES (1, '/night/raw/sci_sparse_1.fits'), (2, '/night/raw/sci_sparse_2.fits');
CREATE TABLE truth AS
SELECT i AS id, 'sparse' AS field, e AS epoch, format('sci_sparse_%s.fits', e) AS file,
       CASE WHEN i = 131 THEN 'variable' ELSE 'transient' END AS kind, 0 AS on_host, 30.0 * (i % 30) + 20 AS x,
       30.0 * (i / 30) + 20 AS y, 150.0 AS ra, 2.0 AS dec, 5000.0 AS flux_e, 3000.0 AS flux_adu, 5000.0 AS flux, 21.0 AS mag,
       50.0 AS snr, CASE WHEN i = 7 THEN 0.5 ELSE 0 END AS masked
FROM generate_series(1, 131) AS i, generate_series(1, 2) AS e;
INSERT INTO sky.detections (observation_id, object_id, x, y, flux, flux_err, snr, flags)
SELECT epoch, id, x + 0.3, y - 0.4, flux + 150, 100, 50, 0 FROM truth;
SQL
sql -c "COPY (SELECT * FROM truth ORDER BY id, epoch) TO STDOUT WITH (FORMAT csv, HEADER true)" >"$scratch/truth.csv"
printf 'file,field,beyond,truth_fraction,missed\nsci_sparse_1.fits,sparse,0.02,0.03,0\nsci_sparse_2.fits,sparse,0.02,0.03,0\n' >"$scratch/masks.csv"
chmod 644 "$scratch"/*.csv

# score CHANGE: the verdict after a change of the tables, which is undone again.
score() {
    { echo "BEGIN; $1;"; cat "$top/contrib/demo/score.sql"; echo "ROLLBACK;"; } |
        sql -v truth="$scratch/truth.csv" -v masks="${2:-$scratch/masks.csv}" >"$scratch/out" 2>&1
}
passes() { score "$1" && grep -q 'All bounds are met' "$scratch/out"; }
fails() { ! score "$2" "${3:-}" && grep -q "$1" "$scratch/out"; }

check "a night that was found whole passes" passes "SELECT"
check "one transient in twenty may be missed" passes "DELETE FROM sky.detections WHERE object_id % 21 = 0"
check "one in ten may not" fails "of 258 transients" "DELETE FROM sky.detections WHERE object_id % 10 = 0"
check "a flagged detection recovers nothing" fails "0 of 258" "UPDATE sky.detections SET flags = 1"
check "nor does one of the wrong sign" fails "0 of 258" "UPDATE sky.detections SET flux = -flux"
check "nor one 1.6 px away" fails "0 of 258" "UPDATE sky.detections SET x = x + 1.3"
check "nor one whose flux is 6 sigma off" fails "0 of 258" "UPDATE sky.detections SET flux = flux + 450"
check "what lies under the mask need not be found" passes "DELETE FROM sky.detections WHERE object_id = 7"
check "two false detections are allowed" passes "INSERT INTO sky.detections (observation_id, x, y, flux, flux_err, snr, flags)
    SELECT 1, 1000, 10 * i, 700, 100, 7, 0 FROM generate_series(1, 2) AS i"
check "three are not" fails "3 unflagged false" "INSERT INTO sky.detections (observation_id, x, y, flux, flux_err, snr, flags)
    SELECT 1, 1000, 10 * i, 700, 100, 7, 0 FROM generate_series(1, 3) AS i"
check "flagged or faint ones do not count" passes "INSERT INTO sky.detections (observation_id, x, y, flux, flux_err, snr, flags)
    SELECT 1, 1000, 10 * i, 700, 100, CASE WHEN i % 2 = 0 THEN 9 ELSE 5.9 END, (i + 1) % 2 FROM generate_series(1, 20) AS i"
check "two objects for one transient are told" fails "did not become one object" "UPDATE sky.detections SET object_id = 999 WHERE object_id = 5 AND observation_id = 2"
check "so is a transient without an object" fails "did not become one object" "UPDATE sky.detections SET object_id = NULL WHERE object_id = 5"
sed 's/1.fits,sparse,0.02/1.fits,sparse,0.031/' "$scratch/masks.csv" >"$scratch/wide.csv"
sed 's/1.fits,sparse.*/1.fits,sparse,,,/' "$scratch/masks.csv" >"$scratch/none.csv"
chmod 644 "$scratch"/*.csv
check "a mask that takes 3.1 % more than the truth is told" fails "masks take 3.10 %" "SELECT" "$scratch/wide.csv"
check "so is an epoch without a difference" fails "nothing was searched" "SELECT" "$scratch/none.csv"
