#!/bin/bash
# Who may include whom (docs/architecture.md): reads the #include lines and names every other arrow.
cd "$(dirname "$0")/../.." || exit 1

# folder: folders whose headers it may include, beside its own and include/astrid
allowed() {
    case $1 in
        core) echo "" ;;
        db) echo "core" ;;
        image) echo "core" ;;
        stages) echo "core image" ;;
        simulate) echo "core image/fits.h image/image.h image/wcs.h" ;;
        daemon) echo "core db stages" ;;
        api) echo "core db" ;;
        cli) echo "core db stages simulate image/cutout.h image/fits.h" ;;
    esac
}
science='fitsio|wcslib/|fftw3|gsl/|sep\.h|xgboost|erfa|lapacke|png\.h|chealpix'
bad=0
complain() { echo "$*"; bad=1; }

for folder in worker/*/; do
    folder=$(basename "$folder")
    while IFS=: read -r file line text; do
        header=$(sed 's/.*["<]\(.*\)[">].*/\1/' <<<"$text")
        to=${header%%/*}
        case $to in astrid | "$folder") continue ;; esac
        [[ " $(allowed "$folder") " == *" $to "* || " $(allowed "$folder") " == *" $header "* ]] ||
            complain "$file:$line: $folder/ must not include $header"
    done < <(grep -rn --include=*.[ch] '^ *#include "' "worker/$folder")
    if [ "$folder" != image ]; then
        while IFS=: read -r file line text; do
            complain "$file:$line: only image/ includes science libraries: $text"
        done < <(grep -rnE --include=*.[ch] "^ *#include <($science)" "worker/$folder")
    fi
    case $folder in
        db | api | daemon | cli) ;;
        *) while IFS=: read -r file line text; do
               complain "$file:$line: $folder/ must not know PostgreSQL: $text"
           done < <(grep -rnE --include=*.[ch] '^ *#include <(libpq|postgres)' "worker/$folder") ;;
    esac
done
while IFS=: read -r file line text; do
    complain "$file:$line: a stage sees neither signals nor the clock: $text"
done < <(grep -rnE --include=*.[ch] '^ *#include <(signal|time|sys/time)\.h>|getenv *\(' worker/stages worker/image)
while IFS=: read -r file line text; do
    complain "$file:$line: the extension knows neither images nor workers: $text"
done < <(grep -rnE --include=*.[ch] "#include [\"<](core|db|image|stages|daemon|api|cli|simulate)/|#include <($science)" extension include)
exit $bad
