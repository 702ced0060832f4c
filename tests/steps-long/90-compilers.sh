# Clean under the other compiler, and laid out by clang-format.
. "$(dirname "$0")/../lib.sh"
if command -v clang >/dev/null; then
    check "programs compile with clang" make -s -C "$top/worker" BUILD="$top/build/worker-clang" CC=clang all
    make -s -C "$top/extension" clean >/dev/null
    # PostgreSQL's own flags are those of gcc, with which it was built.
    check "extension compiles with clang" make -s -C "$top/extension" CC=clang \
        COPT="-Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes"
    make -s -C "$top/extension" clean >/dev/null
    make -s -C "$top/extension" >/dev/null || exit 1
else
    skip "compile with clang" "clang is not installed"
fi
if command -v clang-format >/dev/null; then
    check "clang-format agrees" make -s -C "$top" format-check
else
    skip "clang-format agrees" "clang-format is not installed"
fi
