# The Promela models, checked with spin in all their states; each wrong variant must be caught.
. "$(dirname "$0")/../lib.sh"
models=$top/tests/models

# explore MODEL [VARIANT]: spin's verdict of the model, or of a wrong variant of it, into verdict.
explore() {
    (cd "$scratch" && rm -f pan* && spin -a ${2:+"-D$2"} "$models/$1.pml" >spin.log 2>&1 &&
        gcc -O2 -DSAFETY -DVECTORSZ=2048 -o pan pan.c 2>>spin.log && timeout 300 ./pan -m100000 -w25) >"$scratch/verdict" 2>&1 ||
        cat "$scratch/spin.log"
}
holds() { explore "$1" && grep -q 'errors: 0$' "$scratch/verdict" && ! grep -qi 'depth too small' "$scratch/verdict"; }
fails() { explore "$1" "$2" && grep -qE 'assertion violated|invalid end state' "$scratch/verdict" && ! grep -q 'errors: 0$' "$scratch/verdict"; }

if ! command -v spin >/dev/null; then
    skip models "spin is not installed"
    exit
fi
make_scratch
for model in "$models"/*.pml; do
    name=$(basename "$model" .pml)
    check "model $name" holds "$name" || cat "$scratch/verdict"
    for variant in $(sed -n 's/^ \*   -D\([A-Z_]*\)  .*/\1/p' "$model"); do
        check "model $name: $variant is caught" fails "$name" "$variant"
    done
done
