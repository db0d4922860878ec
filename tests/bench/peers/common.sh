#!/bin/sh
# What the peers share. A peer sources it first; each is called in one of these ways:
#   PEER prepare DIR      builds what it needs into DIR; exits with 77 and a reason where something
#                         is not installed
#   PEER start DIR PORT   runs the echo server in the foreground on 127.0.0.1:PORT until TERM, which
#                         ends its children, too
#   PEER version          prints what it is, in one line
# SPDX-License-Identifier: MIT

case ${1-}:$# in
prepare:2 | start:3 | version:1) ;;
*)
    echo "usage: $0 prepare DIR | start DIR PORT | version" >&2
    exit 2
    ;;
esac

# Every client takes a descriptor.
# shellcheck disable=SC3045  # every sh of Debian knows it
ulimit -n "$(ulimit -H -n)"

skip() {
    echo "$*" >&2
    exit 77
}

# need COMMAND PACKAGE
need() {
    command -v "$1" >/dev/null || skip "needs $1, of the Debian package $2"
}

# need_library MODULE PACKAGE: MODULE is its name for pkg-config.
need_library() {
    need pkg-config pkg-config
    pkg-config --exists "$1" || skip "needs $1, of the Debian package $2"
}

# compile DIR NAME [FLAG...]: src/NAME.c becomes DIR/NAME.
compile() {
    need cc gcc
    program=$1/$2 source=${0%/*}/src/$2.c
    shift 2
    cc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wconversion -pthread \
        -o "$program" "$source" "${source%/*}/peer.c" "$@"
}

compiler() {
    echo "C, cc $(cc -dumpfullversion -dumpversion)"
}

# Ends a server and its children, some of which are sessions of their own or have a handler for
# TERM. The server is stopped first so that it forks none meanwhile.
kill_with_children() {
    kill -STOP "$1"
    pkill -KILL -P "$1" || true # where there are none
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}

# Runs a server that does not end its children itself.
supervise() {
    "$@" &
    trap 'kill_with_children "$!"' TERM INT
    wait "$!"
}
