#!/bin/sh
# SPDX-License-Identifier: MIT
# The C files are laid out as .clang-format says. Other versions of clang-format differ in details,
# so it has to be the one of Debian 12.
# Usage: format.sh ROOT
set -eu

cd "$1"
tool=
for candidate in clang-format-14 clang-format; do
    case $("$candidate" --version 2>/dev/null) in
    *'version 14.'*)
        tool=$candidate
        break
        ;;
    esac
done
if [ -z "$tool" ]; then
    echo "skipped: clang-format 14 is not installed"
    [ "${CI:-}" = true ] && exit 1
    exit 77
fi
said=$(find src include tests -name '*.[ch]' -exec "$tool" --dry-run -Werror {} + 2>&1) && exit 0
echo "$said" | sed -n 's/^\([^:]*\):\([0-9]*\):[0-9]*: error.*/\1:\2: laid out otherwise than .clang-format says/p' | sort -u
echo "To lay them out: $tool -i FILE..."
exit 1
