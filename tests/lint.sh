#!/bin/bash
# Static analysis: clang's warnings, cppcheck, clang-tidy and shellcheck, each where installed. Called by make lint.
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1
status=0
run() {
    if command -v "$1" >/dev/null; then
        echo "lint: $*" | cut -c1-100
        "$@" || status=1
    else
        echo "lint: $1 is not installed, skipped"
    fi
}
sources=$(git ls-files 'worker/*.c')
flags="-std=c11 -D_GNU_SOURCE -Iworker -Iinclude -DASTRID_VERSION=\"lint\" $(pkg-config --cflags jansson cfitsio wcslib libpq libpng)"

run make -s -C worker BUILD="$top/build/worker-clang" CC=clang all
run make -s -C extension clean
run make -s -C extension CC=clang
run make -s -C extension clean
run cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem -Iworker -Iinclude -DASTRID_VERSION='"lint"' $sources
# valist: clang-tidy 14 does not see va_start in a function it reads after another file's
run clang-tidy --quiet --warnings-as-errors='*' \
    --checks='-*,bugprone-*,clang-analyzer-*,-clang-analyzer-valist.Uninitialized,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,-bugprone-reserved-identifier,-bugprone-macro-parentheses,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' \
    $sources -- $flags
run shellcheck -S error -x $(git ls-files '*.sh')
exit $status
