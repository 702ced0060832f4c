#!/bin/bash
# Install the Debian packages that building, testing and running astrid need; does nothing when all are there.
# Elsewhere than on Debian: names what is missing and stops.
set -euo pipefail

build="build-essential pkg-config postgresql-15 postgresql-server-dev-15 postgresql-15-q3c libpq-dev
       libcfitsio-dev wcslib-dev libsep-dev libfftw3-dev libgsl-dev libpng-dev libssl-dev libjansson-dev
       libmicrohttpd-dev libseccomp-dev liberfa-dev"
test="git spin libcmocka-dev libipc-run-perl json-schema-test-suite prometheus curl procps
      util-linux pgbouncer"

if ! command -v dpkg-query >/dev/null; then
    echo "make deps knows Debian's packages only. Install the equivalents of:" $build $test >&2
    exit 1
fi

missing=""
for package in $build $test; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "deps: installing$missing"
sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "deps: run as root, or install sudo; missing:$missing" >&2; exit 1; }
    sudo=sudo
fi
# No cluster is made and no service started: the demo and the tests start servers of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
    trap '$sudo rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
