# The unit tests and the image steps again, with AddressSanitizer and UndefinedBehaviorSanitizer in the programs.
. "$(dirname "$0")/../lib.sh"
export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
make -s -C "$top/worker" SAN=1 all unit || exit 1
export ASTRID_BIN=$top/build/worker-san CMOCKA_MESSAGE_OUTPUT=TAP
for program in "$ASTRID_BIN"/unit/test_*; do
    case $program in *.d) continue ;; esac
    check "sanitized $(basename "$program")" "$program"
done
for step in "$top"/tests/steps/6*-*.sh "$top"/tests/steps/7*-*.sh; do
    [ -e "$step" ] || continue
    bash "$step" | sed 's/^\(not \)*ok - /&sanitized /'
done
