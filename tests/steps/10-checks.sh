# Checks of the source tree itself: layers, versions, stages, docs.
. "$(dirname "$0")/../lib.sh"
for script in "$top"/tests/check/*.sh; do
    check "$(basename "$script" .sh)" bash "$script"
done
