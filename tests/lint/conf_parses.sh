#!/bin/sh
# SPDX-License-Identifier: MIT
# The shipped file parses to exactly the defaults, and with every example in it uncommented it is
# still a good file. So are the examples of the manual and of docs/configuration.md.
# Usage: conf_parses.sh ROOT YODELD
set -eu

root=$1
yodeld=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
    echo "$*"
    failures=$((failures + 1))
}

# values FILE: every effective value, without its origin.
values() {
    "$yodeld" -c "$1" -T | sed 's/  # .*//'
}

# With -T, for the certificates of an example need not be there.
check() {
    "$yodeld" -c "$1" -T 2>"$scratch/said" >/dev/null || fail "$2 is not a good file: $(cat "$scratch/said")"
}

: >"$scratch/empty.conf"
values "$root/conf/yodeld.conf" >"$scratch/shipped"
values "$scratch/empty.conf" >"$scratch/defaults"
cmp -s "$scratch/shipped" "$scratch/defaults" ||
    fail "conf/yodeld.conf differs from the defaults: $(diff "$scratch/defaults" "$scratch/shipped")"

# A comment has a blank behind its "#", an example has none.
sed 's/^#\([^ ]\)/\1/' "$root/conf/yodeld.conf" >"$scratch/full.conf"
check "$scratch/full.conf" "conf/yodeld.conf with its examples"
values "$scratch/full.conf" | grep -q '^listen\.\[1\]' || fail "conf/yodeld.conf: expected an example of a list"

# Each example goes to a file of its own: fenced blocks in Markdown, marked displays in the manual.
awk -v to="$scratch/md" '/^```libconfig/ { file = to (++count) ".conf"; next } /^```/ { file = "" } file { print > file }' \
    "$root/docs/configuration.md"
awk -v to="$scratch/man" '/^\.\\" example: yodeld.conf/ { file = to (++count) ".conf"; next } /^\.Ed/ { file = "" }
    file { gsub(/\\e/, "\\"); print > file }' "$root/docs/man/yodeld.conf.5"
for example in "$scratch"/md*.conf "$scratch"/man*.conf; do
    if [ -e "$example" ]; then
        check "$example" "example $(basename "$example" .conf) of the documents"
    else
        fail "expected examples in docs/configuration.md and docs/man/yodeld.conf.5"
    fi
done
[ "$failures" -eq 0 ]
