#!/bin/bash
# Run every test step and count: make check, make check-long. Ends with 'N passed, N failed, N skipped'.
#   tests/run.sh [check|check-long] [STEP ...]      STEP: part of a step's name
. "$(dirname "$0")/lib.sh"

mode=${1:-check}
[ $# -eq 0 ] || shift
export ASTRID_CHECK_LONG=$([ "$mode" = check-long ] && echo 1)
limit=$([ "$mode" = check-long ] && echo 14400 || echo $((900 + 2 * ${CHAOS_SECONDS:-0}))) # s for one step
log=$top/build/test
mkdir -p "$log"
passed=0 failed=0 skipped=0 failures=""

"$top"/tests/install.sh >"$log/install.log" 2>&1 || { tail -20 "$log/install.log"; echo "1 failed"; exit 1; }

steps=("$top"/tests/steps/*.sh)
[ "$mode" = check ] || steps+=("$top"/tests/steps-long/*.sh)
for step in "${steps[@]}"; do
    name=$(basename "$step" .sh)
    if [ $# -gt 0 ]; then
        wanted=""
        for part in "$@"; do case $name in *$part*) wanted=1 ;; esac; done
        [ -n "$wanted" ] || continue
    fi
    begin=$SECONDS
    "$top"/tests/limit.pl $limit bash "$step" >"$log/$name.log" 2>&1 </dev/null
    status=$?
    s=$(grep -ciE '^ok .*# SKIP' "$log/$name.log")
    p=$(($(grep -cE '^ok ' "$log/$name.log") - s))
    f=$(grep -cE '^not ok ' "$log/$name.log")
    if [ $status -ne 0 ] && [ "$f" -eq 0 ] || [ $((p + f + s)) -eq 0 ]; then
        f=$((f + 1))
        echo "not ok - step $name ended with status $status after $((p + s)) results" >>"$log/$name.log"
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-20s %4d passed %3d failed %3d skipped %5d s\n' "$name" "$p" "$f" "$s" $((SECONDS - begin))
    grep -iE '^ok .*# SKIP' "$log/$name.log" | sed -E 's/^ok[ 0-9]*(- )?(# skip )?/    skipped: /'
    if [ "$f" -gt 0 ]; then
        grep -E '^not ok ' "$log/$name.log" | sed 's/^/    /'
        failures="$failures $log/$name.log"
    fi
done

for file in $failures; do
    echo "==== $file (end)"
    tail -n 60 "$file"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
