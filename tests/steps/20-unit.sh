# Unit tests (cmocka), one program per file of tests/unit.
. "$(dirname "$0")/../lib.sh"
make -s -C "$top/worker" unit || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP
for program in "$ASTRID_BIN"/unit/test_*; do
    case $program in *.d) continue ;; esac
    echo "# $(basename "$program")"
    "$program" || echo "# status $?"
done
