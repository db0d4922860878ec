#!/bin/sh
# SPDX-License-Identifier: MIT
# Every shell script of the tree passes shellcheck. A script is known by its first line.
# Usage: scripts.sh ROOT
set -eu

cd "$1"
find . -name .git -prune -o -name build -prune -o -name out -prune -o -type f -size -256k -exec \
    awk 'FNR == 1 && /^#!.*[\/ ](sh|bash|dash)( |$)/ { print FILENAME } FNR > 1 { nextfile }' {} + |
    sort >"${TMPDIR:-/tmp}/scripts.$$"
trap 'rm -f "${TMPDIR:-/tmp}/scripts.$$"' EXIT
[ -s "${TMPDIR:-/tmp}/scripts.$$" ] || {
    echo "expected shell scripts, found none"
    exit 1
}
xargs shellcheck <"${TMPDIR:-/tmp}/scripts.$$"
