#!/bin/sh
# SPDX-License-Identifier: MIT
# systemd has nothing to say against the units, and the service is hardened: exposure at most 2.0.
# Usage: units.sh ROOT YODELD
set -eu

root=$1
yodeld=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# As they will be installed, but with the program that was built.
mkdir "$scratch/bin"
cp "$yodeld" "$scratch/bin/yodeld"
for unit in "$root"/systemd/*.service "$root"/systemd/*.service.in "$root"/systemd/*.socket \
    "$root"/systemd/*.socket.in; do
    [ -e "$unit" ] || continue
    name=$(basename "$unit" .in)
    sed -e "s|@CMAKE_INSTALL_FULL_SBINDIR@|$scratch/bin|g" -e "s|@CMAKE_INSTALL_FULL_SYSCONFDIR@|/etc|g" \
        "$unit" >"$scratch/$name"
    if grep -n '@[A-Z_]*@' "$scratch/$name"; then
        echo "$name: expected no other placeholders"
        failures=1
    fi
done
set -- "$scratch"/*.service "$scratch"/*.socket
if [ ! -e "$1" ]; then
    echo "skipped: there are no units"
    exit 77
fi
units=
for unit in "$@"; do
    [ ! -e "$unit" ] || units="$units $unit"
done

# It exits with 0 on unknown settings: only silence is good.
# shellcheck disable=SC2086  # a list of files without blanks
said=$(systemd-analyze verify --man=no $units 2>&1) || true
if [ -n "$said" ]; then
    echo "$said"
    failures=1
fi
for service in "$scratch"/*.service; do
    if ! systemd-analyze security --offline=yes --threshold=20 --no-pager "$service" >"$scratch/said" 2>&1; then
        tail -n 2 "$scratch/said"
        echo "$(basename "$service"): expected an exposure of at most 2.0"
        failures=1
    fi
done
[ "$failures" -eq 0 ]
