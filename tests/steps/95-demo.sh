# make demo as a whole, in a folder of its own: minutes long, so under check-long only.
. "$(dirname "$0")/../lib.sh"
if [ -z "${ASTRID_CHECK_LONG:-}" ]; then
    skip "demo" "takes minutes: make check-long"
    exit 0
fi
make_scratch
export DEMO_FOLDER=$scratch/demo
for seed in 1 2; do
    check "the demo's night meets its bounds with seed $seed" env SEED=$seed "$top/contrib/demo/demo.sh" start
    check "the contact sheet of seed $seed is there" test -s "$DEMO_FOLDER/contact_sheet.png"
done
worker=$(cat "$DEMO_FOLDER/worker.pid")
check "demo-stop ends worker and server" eval \
    '"$top/contrib/demo/demo.sh" stop && ! kill -0 "$worker" 2>/dev/null && [ ! -e "$DEMO_FOLDER/pg/postmaster.pid" ]'
check "demo-clean removes the folder" eval '"$top/contrib/demo/demo.sh" clean && [ ! -e "$DEMO_FOLDER" ]'
mkdir "$DEMO_FOLDER" && touch "$DEMO_FOLDER/mine"
check "the demo leaves a folder alone that is not its own" eval \
    '! "$top/contrib/demo/demo.sh" start 2>/dev/null && "$top/contrib/demo/demo.sh" clean && [ -e "$DEMO_FOLDER/mine" ]'
