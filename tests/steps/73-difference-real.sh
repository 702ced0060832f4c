# Subtraction of real frames: the DECam pair with its known transient (asserted), Liverpool Telescope and SAAO (printed).
. "$(dirname "$0")/../lib.sh"

pairs=$ASTRID_TEST_DATA/pairs
[ -d "$pairs" ] || { skip "difference of real frames" "no folder pairs in the test data"; exit 0; }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/astrid-difference.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

stage() { "$ASTRID_BIN/astrid" stage "$@" 2>>"$scratch/stderr"; }
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" "$scratch/result" | head -1; }
show() { for name; do printf ' %s %.4s' "$name" "$(field "$name")"; done; }

# subtract NAME SCIENCE REFERENCE: align, difference, detect; prints the numbers; fails where a stage refuses.
subtract() {
    rm -f "$scratch"/*.fits "$scratch/detections.csv"
    if ! stage align --input science="$2" --input reference="$3" --output aligned="$scratch/aligned.fits" >"$scratch/result" ||
        ! stage difference --input science="$2" --input reference="$scratch/aligned.fits" \
            --output difference="$scratch/difference.fits" --output score="$scratch/score.fits" >"$scratch/result"; then
        echo "# $1: refused: $(tr -d '\n' <"$scratch/result")"
        return 1
    fi
    echo "# $1: convolved $(field convolved)$(show kernel_sum flux_ratio n_stamps z_mad z_std used_fraction lag1 footprint_ratio flux_error)"
    stage detect --input difference="$scratch/difference.fits" --input score="$scratch/score.fits" --input science="$2" \
        --input reference="$scratch/aligned.fits" --output detections="$scratch/detections.csv" >"$scratch/result" || return 1
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
        $c["flags"] == 0 { if ($c["flux"] > 0) plus++; else minus++; if ($c["snr"] > 6) strong++ }
        $c["snr"] > 6 { all++ }
        END { printf "# %s: unflagged above 5: %d positive, %d negative; above 6: %d, with flagged ones %d\n",
              name, plus, minus, strong, all }' "$scratch/detections.csv"
}
# at X Y: "snr flags flux" of the detection within 2 px; nothing where there is none.
at() {
    awk -F, -v x="$1" -v y="$2" 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
        ($c["x"] - x) ^ 2 + ($c["y"] - y) ^ 2 < 4 { print $c["snr"], $c["flags"], $c["flux"]; exit }' "$scratch/detections.csv"
}

decam=$pairs/decam_sfft
if subtract "DECam stacks" "$decam/Stack-DEC-OBS04.fits" "$decam/Stack-DEC-OBS18.fits"; then
    read -r snr flags flux < <(at 129 128)
    echo "# DECam transient at (129, 128): S/N ${snr:-none}, flags ${flags:-}, flux ${flux:-}"
    check "the DECam transient is found, unflagged, above 10 sigma" \
        awk -v s="${snr:-0}" -v f="${flags:-1}" 'BEGIN { exit !(s > 10 && f == 0) }'
else
    not_ok "the DECam stacks are subtracted"
fi

lt=$pairs/lt_rise/q_e_20200830
for frame in 11 21; do
    check "LT ${frame}_1 less 1_1 passes its gate" subtract "LT ${frame}_1" "${lt}_1_${frame}_1_1.fits" "${lt}_1_1_1_1.fits"
done

saao=$pairs/saao_moa2013blg475/AKB13475I0
for frame in 014 100 150; do
    subtract "SAAO $frame" "$saao$frame.fits" "${saao}028.fits" || true
done
true
