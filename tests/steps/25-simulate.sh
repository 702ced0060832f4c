# The command line of simulate, mask_compare and contact_sheet: what they refuse, and that their files agree.
. "$(dirname "$0")/../lib.sh"
make_scratch
astrid=$ASTRID_BIN/astrid

# exits STATUS COMMAND...: ends with that status, quietly.
exits() {
    local want=$1 status=0
    shift
    "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    [ "$status" = "$want" ]
}
field() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p" "$scratch/out"; }

check "simulate without --out is a usage error" exits 2 "$astrid" simulate
check "simulate refuses a size of one pixel" exits 2 "$astrid" simulate --out "$scratch/x" --size 1
check "simulate refuses a seed that is no number" exits 2 "$astrid" simulate --out "$scratch/x" --seed 1x
check "simulate says that it cannot write" exits 74 "$astrid" simulate --out /proc/nowhere --size 128
check "simulate --help goes to stdout" exits 0 "$astrid" simulate --help

check "simulate writes a night" exits 0 "$astrid" simulate --out "$scratch/a" --size 160 --seed 4
check "simulate writes it again" exits 0 "$astrid" simulate --out "$scratch/b" --size 160 --seed 4
check "simulate writes another" exits 0 "$astrid" simulate --out "$scratch/c" --size 160 --seed 5
check "the same seed gives the same truth" cmp -s "$scratch/a/truth.csv" "$scratch/b/truth.csv"
check "another seed gives another truth" eval '! cmp -s "$scratch/a/truth.csv" "$scratch/c/truth.csv"'
check "the night has 13 calibration frames, 4 references and 7 epochs" \
    eval '[ "$(ls "$scratch/a/raw" | sed "s/_.*//" | sort | uniq -c | tr -s " \n" " ")" = " 5 bias 3 dark 5 flat 4 ref 7 sci " ]'
check "every epoch has a truth mask" eval '[ "$(ls "$scratch/a/truth" | wc -l)" = 7 ]'
check "the null pair has nothing to find" eval '! grep -q ",null," "$scratch/a/truth.csv"'

mask=$scratch/a/truth/mask_sparse_1.fits
check "mask_compare reads two masks" exits 0 "$astrid" mask_compare "$mask" "$mask"
check "a mask excludes nothing beyond itself" eval '[ "$(field beyond)" = 0.0 ] && [ "$(field missed)" = 0.0 ]'
check "mask_compare reads two epochs" exits 0 "$astrid" mask_compare "$mask" "$scratch/a/truth/mask_sparse_2.fits"
check "what only one excludes is beyond or missed" \
    eval 'awk "BEGIN { d = $(field excluded) - $(field beyond) - ($(field truth) - $(field missed)); exit !($(field beyond) > 0 && d * d < 1e-10) }"'
check "masks of two sizes are refused" eval 'exits 0 "$astrid" simulate --out "$scratch/d" --size 192 &&
    exits 65 "$astrid" mask_compare "$mask" "$scratch/d/truth/mask_sparse_1.fits"'
check "mask_compare names a missing file" eval 'exits 65 "$astrid" mask_compare "$mask" "$scratch/none.fits" && grep -q none.fits "$scratch/err"'

printf '%s\t%s\t%s\t80\t80.5\tthe middle\n%s\t%s\t%s\t2\t2\ta corner\n' "$mask" "$mask" "$mask" "$mask" "$mask" "$mask" >"$scratch/list"
check "contact_sheet draws its list" exits 0 "$astrid" contact_sheet --list "$scratch/list" --out "$scratch/sheet.png"
check "the sheet is a PNG" eval '[ "$(head -c 8 "$scratch/sheet.png" | od -An -tx1 | tr -d " ")" = 89504e470d0a1a0a ]'
printf '%s\t%s\t80\t80\n' "$mask" "$mask" >"$scratch/list"
check "contact_sheet refuses a line without its fields" exits 65 "$astrid" contact_sheet --list "$scratch/list" --out "$scratch/x.png"
printf '%s\t%s\t%s\there\t80\tx\n' "$mask" "$mask" "$mask" >"$scratch/list"
check "contact_sheet refuses a place that is no number" exits 65 "$astrid" contact_sheet --list "$scratch/list" --out "$scratch/x.png"
check "contact_sheet without --list is a usage error" exits 2 "$astrid" contact_sheet --out "$scratch/x.png"
