#!/bin/bash
# The tree keeps its shape: nothing unexpected at the top, no file beyond 600 lines, no machine's path, no stray note.
cd "$(dirname "$0")/../.." || exit 1
status=0
complain() { echo "$1: $2"; status=1; }

expected="Changes LICENSE META.json Makefile README.md bench contrib docs extension include regress sql tests worker"
for entry in $(git ls-files | cut -d/ -f1 | sort -u); do
    case $entry in .*) continue ;; esac
    case " $expected " in *" $entry "*) ;; *) complain "unexpected at the top" "$entry" ;; esac
done
for file in $(git ls-files '*.c' '*.h' '*.def' '*.sh'); do
    [ "$(wc -l <"$file")" -le 600 ] || complain "longer than 600 lines" "$file"
done
found=$(git grep -nE '(^|[^a-zA-Z0-9_.])/(work|root|home)/' -- . ':!tests/check/tree.sh')
[ -z "$found" ] || complain "a path of one machine" "$found"
found=$(git grep -nE '\b(TODO|FIXME|XXX)\b' -- . ':!tests/check/tree.sh')
[ -z "$found" ] || complain "an unfinished part" "$found"
found=$(git ls-files '*.c' '*.h' | xargs grep -L 'SPDX-License-Identifier:')
[ -z "$found" ] || complain "no SPDX line" "$found"
exit $status
