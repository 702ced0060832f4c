#!/bin/bash
# Every "yes" and "partly" of astrid in docs/features.md links to a test that exists; the rest says planned or no.
cd "$(dirname "$0")/../.." || exit 1
status=0
rows=$(grep -E '^\| [^|]' docs/features.md | grep -v '^| | astrid |')
[ "$(wc -l <<<"$rows")" -ge 40 ] || { echo "docs/features.md has lost its rows"; exit 1; }
columns=$(grep -m 1 '^| | astrid |' docs/features.md | tr -cd '|' | wc -c)
while IFS= read -r row; do
    [ "$(tr -cd '|' <<<"$row" | wc -c)" -eq "$columns" ] || { echo "not as many columns as peers: $row"; status=1; }
    astrid=$(cut -d'|' -f3 <<<"$row" | sed 's/^ *//; s/ *$//')
    file=$(sed -nE 's,^\[(yes|partly)\]\(\.\./((regress|tests)/[a-zA-Z0-9_./-]+)\).*,\2,p' <<<"$astrid")
    if [ -z "$file" ] && ! grep -qE '^(planned|no)(:|$)' <<<"$astrid"; then
        echo "neither a test nor planned nor no: $row"
        status=1
    fi
done <<<"$rows"
for file in $(grep -oE '\]\(\.\./[^)]+\)' docs/features.md | sed 's,^](\.\./,,; s,)$,,' | sort -u); do
    [ -f "$file" ] || { echo "docs/features.md: there is no $file"; status=1; }
done
exit $status
