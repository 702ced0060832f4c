# stage combine and stage calibrate on real frames: the numbers that the data's manifest asks for.
. "$(dirname "$0")/../lib.sh"

if [ ! -d "$ASTRID_TEST_DATA/calib" ]; then
    skip "calibration of real frames" "no test data in \$ASTRID_TEST_DATA"
    exit 0
fi
make_scratch
astrid=$ASTRID_BIN/astrid
efosc=$ASTRID_TEST_DATA/calib/efosc_ntt
asi=$ASTRID_TEST_DATA/calib/asi178_lab
lt=$ASTRID_TEST_DATA/pairs/lt_rise

inputs() { # inputs ROLE FILE...
    local role=$1 file
    shift
    for file in "$@"; do printf -- '--input %s=%s ' "$role" "$file"; done
}
field() { perl -MJSON::PP -e 'local $/; my $v = decode_json(<STDIN>)->{$ARGV[0]}; print ref $v ? encode_json($v) : $v // "null"' "$1" <<<"$2"; }
between() { # between NAME VALUE LOW HIGH
    check "$1: $2 in $3 to $4" perl -e 'exit !($ARGV[0] ne "null" && $ARGV[0] >= $ARGV[1] && $ARGV[0] <= $ARGV[2])' "$2" "$3" "$4"
}

# EFOSC2: bias frames typed DARK with EXPTIME 0, sky flats, science with cosmic rays
bias=$(inputs frame "$efosc"/EFOSC.2022-01-26*.fits)
out=$("$astrid" stage combine $bias --output master="$scratch/bias.fits" --param kind=bias)
between "EFOSC2 master bias [adu]" "$(field median "$out")" 221 223
raw="$efosc"/EFOSC.2022-01-28T05-05-25.843.fits
out=$("$astrid" stage calibrate --input raw=$raw $(inputs bias "$efosc"/EFOSC.2022-01-26*.fits) \
    $(inputs flat "$efosc"/EFOSC.2022-01-28T00*.fits) --output image="$scratch/efosc.fits")
between "EFOSC2 gain from pairs [e-/adu]" "$(field gain_measured "$out")" 1.12 1.22
between "EFOSC2 cosmic ray pixels" "$(field n_cosmic "$out")" 600 1000
between "EFOSC2 variance, pixels over model" "$(field variance_ratio "$out")" 0.8 1.2
check "EFOSC2 variance is the model's" [ "$(field variance "$out")" = model ]
cp "$scratch/efosc.fits" "$scratch/again.fits"
"$astrid" stage calibrate --input raw=$raw $(inputs bias "$efosc"/EFOSC.2022-01-26*.fits) \
    $(inputs flat "$efosc"/EFOSC.2022-01-28T00*.fits) --output image="$scratch/efosc.fits" >/dev/null
check "equal inputs give equal files" cmp "$scratch/efosc.fits" "$scratch/again.fits"
again=$("$astrid" stage ingest --input image="$scratch/efosc.fits" --param checksum=refuse)
check "a calibrated file is in electron" [ "$(field bunit "$again") $(field gain "$again")" = "electron 1" ]
for key in instrument object band filter date_obs exptime read_noise; do
    check "$key survives: $(field $key "$out")" [ "$(field $key "$again")" = "$(field $key "$out")" ]
done

# ASI178: truncated flats are refused by name and reason, the rest calibrates
for n in 0001 0007; do
    "$astrid" stage ingest --input image="$asi/Flat_ASIImg_frame$n.fit" >"$scratch/error.json"
    check "truncated flat $n ends with 65" [ $? = 65 ]
    check "truncated flat $n is named" grep -q "\"code\":\"truncated\",\"file\":\"[^\"]*frame$n.fit\",\"hdu\":0" "$scratch/error.json"
done
out=$("$astrid" stage calibrate --input raw="$asi/Flat_ASIImg_frame0004.fit" $(inputs bias "$asi"/Bias*.fit) \
    $(inputs dark "$asi"/Dark_ASIImg_10sec*.fit) --output image="$scratch/asi.fits" --param cosmic_rays=false)
between "ASI178 frame calibrates: level over bias [adu]" "$(field sky_level "$out")" 25000 32000

# Liverpool Telescope: unlit corners found, not given
for n in 1_1 11_1 21_1; do
    out=$("$astrid" stage calibrate --input raw="$lt/q_e_20200830_1_${n}_1.fits" --output image="$scratch/lt.fits")
    between "LT $n unlit share" "$(field no_data_fraction "$out")" 0.06 0.12
    between "LT $n variance, pixels over model" "$(field variance_ratio "$out")" 0.8 1.2
    check "LT $n has no trail" [ "$(field n_streaks "$out")" = 0 ]
done

# GMOS: pixel for pixel as astroscrappy 1.1 at equal parameters (157 pixels)
out=$("$astrid" stage calibrate --input raw="$ASTRID_TEST_DATA/cosmicrays/gemini_gmos/gmos.fits" \
    --output image="$scratch/gmos.fits" --param gain=1 --param read_noise=4 --param saturation=1e9)
check "GMOS: 157 cosmic ray pixels" [ "$(field n_cosmic "$out")" = 157 ]

# a cube is refused without plane=, and read with it
cube=$ASTRID_TEST_DATA/cosmicrays/hst_wfpc2/testimg.fits
"$astrid" stage ingest --input image="$cube" >"$scratch/error.json"
check "a cube without plane= ends with 65" [ $? = 65 ]
for plane in 0 3; do
    check "plane $plane of the cube is read" "$astrid" stage ingest --input image="$cube" --param plane=$plane
done
