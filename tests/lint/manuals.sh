#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages pass mandoc's checks, down to style, and refer to pages that exist.
# Usage: manuals.sh ROOT
set -eu

cd "$1/docs/man"
failures=0

# Which other pages are installed is this machine's affair.
findings=$(mandoc -T lint -W all ./*.[1-9] 2>/dev/null | grep -v 'referenced manual not found') || true
if [ -n "$findings" ]; then
    echo "$findings"
    failures=1
fi
references=$(sed -n 's/^\.Xr \(yodel[^ ]*\) \([1-9]\).*/\1.\2/p' ./*.[1-9] | sort -u)
for page in $references; do
    [ -e "$page" ] && continue
    echo "docs/man: a page refers to $page, which is not there"
    failures=1
done
[ "$failures" -eq 0 ]
