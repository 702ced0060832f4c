#!/bin/bash
# Every test that docs/guarantees.md names exists, and no promise stands there without one.
cd "$(dirname "$0")/../.." || exit 1
status=0
tests=$(grep -oE '`(tests|regress)/[a-zA-Z0-9_./-]+`' docs/guarantees.md | tr -d '`' | sort -u)
[ -n "$tests" ] || { echo "docs/guarantees.md names no test"; exit 1; }
for file in $tests; do
    [ -f "$file" ] || { echo "docs/guarantees.md: there is no $file"; status=1; }
done
unproved=$(grep -E '^\| ' docs/guarantees.md | grep -vE '^\| (operation|event) \|' | grep -vE '\| `(tests|regress)/[^|]* \|$')
[ -z "$unproved" ] || { echo "without a test: $unproved"; status=1; }
exit $status
