# Registration of real frames: Liverpool Telescope (asserted), DECam stacks and the SAAO series (printed).
# Columns of the comment lines: residual_px n_match order method.
. "$(dirname "$0")/../lib.sh"

pairs=$ASTRID_TEST_DATA/pairs
ASTRID_CHECK_LONG=${ASTRID_CHECK_LONG:-}
[ -d "$pairs" ] || { skip "alignment of real frames" "no folder pairs in the test data"; exit 0; }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/astrid-align.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# align SCIENCE REFERENCE: the result document on stdout.
align() {
    "$ASTRID_BIN/astrid" stage align --input science="$1" --input reference="$2" \
        --output aligned="$scratch/aligned.fits" 2>"$scratch/stderr"
}
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" "$scratch/result" | head -1; }
summary() { echo "$(field residual_px) $(field n_match) $(field order) $(field method)"; }
at_most() { awk -v v="$1" -v limit="$2" 'BEGIN { exit !(v != "" && v != "null" && v + 0 <= limit) }'; }

lt=$pairs/lt_rise/q_e_20200830
for frame in 11 21; do
    align "${lt}_1_${frame}_1_1.fits" "${lt}_1_1_1_1.fits" >"$scratch/result"
    echo "# LT ${frame}_1 to 1_1: $(summary)"
    check "LT ${frame}_1 aligned to a median of 0.3 px" at_most "$(field residual_px)" 0.3
done

decam=$pairs/decam_sfft
align "$decam/Stack-DEC-OBS04.fits" "$decam/Stack-DEC-OBS18.fits" >"$scratch/result"
check "DECam stacks align" at_most "$(field residual_px)" 1
echo "# DECam stacks: $(summary)"

saao=$pairs/saao_moa2013blg475
n=0 bad=0 seen=0
: >"$scratch/residuals"
for file in "$saao"/*.fits; do
    case $file in *0028.fits) continue ;; esac
    seen=$((seen + 1)) # every third frame, all under check-long
    [ -n "$ASTRID_CHECK_LONG" ] || [ $((seen % 3)) -eq 1 ] || continue
    n=$((n + 1))
    if align "$file" "$saao/AKB13475I0028.fits" >"$scratch/result"; then
        echo "# SAAO $(basename "$file" .fits): $(summary)"
        field residual_px >>"$scratch/residuals"
    else
        bad=$((bad + 1))
        echo "# SAAO $(basename "$file" .fits): $(tr -d '\n' <"$scratch/result")"
    fi
done
sort -g "$scratch/residuals" | awk -v n=$n -v bad=$bad '{ v[NR] = $1 }
    END { printf "# SAAO: %d frames, %d not registered, median residual %.3f px, largest %.3f px\n",
          n, bad, v[int((NR + 1) / 2)], v[NR] }'
check "every SAAO frame registers without a WCS" test "$bad" -eq 0
