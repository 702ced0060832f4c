#!/bin/bash
# Put the built extensions where the test servers find them. Not root: through sudo where the folder is not ours.
. "$(dirname "$0")/lib.sh"
sudo=""
[ -w "$("$PG_CONFIG" --sharedir)/extension" ] || sudo=sudo
$sudo env PG_CONFIG="$PG_CONFIG" make -C "$top/extension" install
