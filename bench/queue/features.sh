# What each feature costs when it is on (sourced by run.sh): a loop of enqueue, complete and claim over a backlog of
# 10,000 at 4 clients, with the feature against without.
#
# Both sides send the same statements and keys; what differs is what the queue does with them. A key is new each time.

feature_names="limit rate group unique schema depends job_events"

declare -A feature_queue=(
    [limit]="concurrency => 100000"
    [rate]="rate_limit => 10000000"
    [group]="group_concurrency => 100000"
    [schema]="payload_schema => '{\"type\": \"object\", \"required\": [\"task\", \"to\", \"body\"], \"additionalProperties\": false,
        \"properties\": {\"t\": {\"type\": \"integer\", \"minimum\": 0}, \"task\": {\"enum\": [\"send_email\", \"send_mail\"]},
        \"to\": {\"type\": \"string\", \"minLength\": 3}, \"body\": {\"type\": \"string\", \"maxLength\": 1000}}}'"
    [job_events]="job_events => true"
)

# feature_enqueue NAME ON BATCH: the statements that enqueue.
feature_enqueue() {
    local keys="group_key" more="group_keys" parents=""
    case $1-$2 in
    unique-on) keys="unique_key" more="unique_keys" ;;
    depends-on) parents=", depends_on => ARRAY[:parent]::bigint[]" ;;
    esac
    echo '\set key random(1, 9000000000000000000)'
    [ "$1" != depends ] || echo "SELECT astrid_enqueue('bq', '$payload') AS parent \\gset"
    if [ "$3" -eq 1 ]; then
        echo "SELECT astrid_enqueue('bq', '$payload', $keys => :key::text$parents);"
    else
        echo "SELECT count(*) FROM astrid_enqueue_batch('bq', array_fill('$payload'::jsonb, '{$3}'),
            $more => ARRAY(SELECT :key::text || '-' || i FROM generate_series(1, $3) i)$parents);" | tr '\n' ' '
        echo
    fi
}

# feature NAME ON BATCH: jobs per second.
feature() {
    local drains=1
    [ "$1" != depends ] || drains=2
    sql -f - < <(text astrid setup.sql 1 0) >/dev/null
    [ "$2" != on ] || [ -z "${feature_queue[$1]:-}" ] || sql -c "SELECT astrid_alter_queue('bq', ${feature_queue[$1]})" >/dev/null
    sql -f - < <(text astrid preload.sql 1 10000) >/dev/null
    sql -c 'VACUUM' -c 'CHECKPOINT'
    {
        feature_enqueue "$1" "$2" "$3"
        for _ in $(seq $drains); do text astrid drain.sql "$3" 0; done
    } >"$dir/script.sql"
    awk -v r="$(tps "$dir/script.sql" 4 -T "${FEATURE_SECONDS:-6}")" -v b="$3" 'BEGIN {print r * b}'
}

bench_features() {
    local name batch wanted on off ratios
    for name in ${FEATURES:-$feature_names}; do
        for batch in 1 100; do
            wanted=0.90 ratios=""
            [ "$batch" -eq 1 ] || wanted=0.85
            for _ in $(seq "$rounds"); do
                on=$(feature "$name" on "$batch")
                off=$(feature "$name" off "$batch")
                ratios="$ratios$(awk -v a="$on" -v b="$off" 'BEGIN {print a / b}')"$'\n'
            done
            printf 'feature  %-10s batch %3d: with / without %5.2f (wanted %s)   last %6.0f / %6.0f jobs/s\n' "$name" "$batch" \
                "$(median <<<"${ratios%$'\n'}")" $wanted "$on" "$off"
        done
    done
}
