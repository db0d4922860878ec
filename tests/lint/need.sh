#!/bin/sh
# SPDX-License-Identifier: MIT
# need.sh TOOL... -- COMMAND...: runs COMMAND where every TOOL is installed. Otherwise exits with 77,
# which ctest counts as skipped; with CI=true a missing tool is a failure, so that nothing goes
# unnoticed where everything should be there.
set -u

missing=
while [ "$1" != -- ]; do
    command -v "$1" >/dev/null 2>&1 || missing="$missing $1"
    shift
done
shift
if [ -n "$missing" ]; then
    echo "skipped: not installed:$missing"
    [ "${CI:-}" = true ] && exit 1
    exit 77
fi
exec "$@"
