#!/bin/bash
# The version is written in extension/astrid.control; META.json repeats it, because PGXN reads it there.
cd "$(dirname "$0")/../.." || exit 1
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/astrid.control)
wrong=$(grep '"version"' META.json | grep -v '"meta-spec"' | grep -v "\"$version\"")
[ -z "$wrong" ] || { echo "META.json disagrees with extension/astrid.control ($version): $wrong"; exit 1; }
grep -q "^$version " Changes || { echo "Changes has no entry for $version"; exit 1; }
