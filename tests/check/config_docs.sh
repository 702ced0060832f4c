#!/bin/bash
# docs/config.md lists exactly the settings of worker/core/config.def, with their types, defaults and descriptions.
cd "$(dirname "$0")/../.." || exit 1
# NAME|TYPE|default|min|max|choices|reloadable|text, in the order of the file
settings() {
    sed -nE "s/^$1\(([a-z_]+), ([A-Z]+), \"([^\"]*)\", ([-0-9.]+), ([-0-9.]+), (NULL|\"[^\"]*\"), (true|false), \"(.*)\"\)\$/\1|\2|\3|\4|\5|\6|\7|\8/p" \
        worker/core/config.def
}
rows() {
    settings "$1" | while IFS='|' read -r name type default min max choices reloadable text; do
        kind=${type,,}
        [ "$choices" = NULL ] || kind=$(tr -d '"' <<<"$choices" | sed 's/ /, /g')
        [ "$min/$max" = 0/0 ] || kind="$kind, $min to $max"
        printf '| `%s` | %s | %s |%s %s |\n' "$name" "$kind" "${default:+\`$default\`}" \
            "$([ "$1" = HANDLER_SETTING ] || { [ "$reloadable" = true ] && echo ' yes |' || echo ' no |'; })" "$text"
    done
}
[ "${1:-}" != --print ] || { rows "$2"; exit 0; }
expected=$(rows SETTING; rows HANDLER_SETTING)
[ "$(grep -cE '^(HANDLER_)?SETTING\(' worker/core/config.def)" = "$(wc -l <<<"$expected")" ] ||
    { echo "a line of config.def has another form"; exit 1; }
diff <(echo "$expected") <(grep -E '^\| `[a-z_]+` \|[^|]*\|[^|]*\|[^|]*\|' docs/config.md)
