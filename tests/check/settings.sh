# Every server setting is in docs/operations.md, and nothing there is invented; version guards are in compat.h only.
cd "$(dirname "$0")/../.." || exit 1
in_code=$(grep -hoE '"astrid\.[a-z_]+"' extension/*.c | tr -d '"' | sort -u)
in_docs=$(grep -oE '^\| `astrid\.[a-z_]+`' docs/operations.md | grep -oE 'astrid\.[a-z_]+' | sort -u)
status=0
[ "$in_code" = "$in_docs" ] || { diff <(echo "$in_code") <(echo "$in_docs"); status=1; }
guards=$(grep -l PG_VERSION_NUM extension/*.c extension/*.h | grep -v '/compat\.h$')
[ -z "$guards" ] || { echo "version guards outside compat.h: $guards"; status=1; }
exit $status
