# Claim rate with a large backlog against that with 1000 ready jobs (sourced by run.sh).

claim_one="SELECT count(*) FROM astrid_claim(ARRAY['bq'], 'w' || :client_id, 1);"

add_ready() {
    sql -c "SELECT count(*) FROM generate_series(1, ($1 + 9999) / 10000) g, LATERAL astrid_enqueue_batch('$2',
            array_fill('$payload'::jsonb, ARRAY[least(10000, $1)]), priority => ${3:-0})" >/dev/null
}

backlog_small() { add_ready 1000 bq; }
backlog_ready() { add_ready 2000000 bq; }
backlog_scheduled() {
    add_ready 1000 bq
    sql -c "SELECT count(*) FROM generate_series(1, 100) g, LATERAL astrid_enqueue_batch('bq',
            array_fill('$payload'::jsonb, '{10000}'), run_at => now() + interval '1 day')" >/dev/null
}
# Written straight into the tables: by the function, a million dependencies take minutes.
backlog_blocked() {
    add_ready 1000 bq
    sql >/dev/null <<SQL
WITH parent AS (SELECT astrid_enqueue('bq', '{}', run_at => now() + interval '1 day') AS id),
blocked AS (
    INSERT INTO astrid.waiting (job_id, position, run_at, enqueued_at, queue_id, priority, lane, attempt, max_attempts, crashes, payload, blocked, parked, parents_left, parents)
    SELECT n, n, now(), now(), queue_id, 0, 1, 0, 4, 0, '$payload', true, false, 1, ARRAY[id]
      FROM parent, astrid.queue, LATERAL (SELECT nextval('astrid.job_seq') AS n FROM generate_series(1, 1000000)) s
     WHERE queue_name = 'bq' RETURNING job_id)
INSERT INTO astrid.dependency SELECT id, array_agg(job_id ORDER BY job_id), '{}', false, 'wait'
  FROM parent, blocked GROUP BY id, job_id / 100;
SQL
}
backlog_priorities() {
    for priority in 1 2 3 4 5 6 7 8 9 10; do add_ready 1000 bq "$priority"; done
}
backlog_queues() {
    sql -c "SELECT count(astrid_create_queue('bq' || i)) FROM generate_series(1, 100) i" >/dev/null
    for i in $(seq 100); do add_ready 1000 "bq$i"; done
}

# claims CLIENTS: claims per second, 800 of them.
claims() {
    sql -c 'VACUUM' -c 'CHECKPOINT'
    tps "$dir/script.sql" "$1" -t $((800 / $1))
}

# backlog NAME: the rate of this backlog.
backlog() {
    sql -f - < <(text astrid setup.sql 1 0) >/dev/null
    sql -c "SELECT astrid_drop_queue(queue_name) FROM astrid.queue_status WHERE queue_name ~ '^bq.'" >/dev/null
    "backlog_$1"
    echo "$claim_one" >"$dir/script.sql"
    [ "$1" != queues ] || printf "%s\n" '\set q random(1, 100)' "${claim_one/\'bq\'/\'bq\' || :q}" >"$dir/script.sql"
    claims 4
}

bench_backlog() {
    local small large ratios
    for name in ready scheduled blocked priorities queues; do
        ratios=""
        for _ in $(seq "$rounds"); do
            small=$(backlog small)
            large=$(backlog "$name")
            ratios="$ratios$(awk -v a="$large" -v b="$small" 'BEGIN {print a / b}')"$'\n'
        done
        printf 'backlog  %-10s claims per second, against 1000 ready jobs: %5.2f (wanted 0.9)   last %5.0f / %5.0f\n' \
            "$name" "$(median <<<"${ratios%$'\n'}")" "$large" "$small"
    done
}
