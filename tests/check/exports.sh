# The module shows the server nothing but functions named astrid_* and what PostgreSQL itself looks up.
module=$(dirname "$0")/../../extension/astrid.so
symbols=$(nm -D --defined-only "$module" | awk '{ print $3 }') || exit 1
[ -n "$symbols" ] || { echo "$module shows no symbol at all"; exit 1; }
foreign=$(echo "$symbols" | grep -vE '^(_PG_init|Pg_magic_func|astrid_[a-z0-9_]+|pg_finfo_astrid_[a-z0-9_]+)$')
[ -z "$foreign" ] || { echo "shown, but not ours:" $foreign; exit 1; }
