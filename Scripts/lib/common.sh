# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What every script here shares: how it speaks, how it fails, how it becomes root. Source it, do not run it.

# Progress goes to stderr, so that a script's stdout stays its result.
say() { printf '%s\n' "$*" >&2; }

# die OBJECT CAUSE REMEDY [EXIT CODE]
die() {
    printf '%s: %s: %s\n' "${0##*/}" "$1" "$2" >&2
    printf '  -> %s\n' "$3" >&2
    exit "${4:-1}"
}

# usage: the header comment of the calling script, without the licence line.
usage() { sed -n '3,/^[^#]/ { s/^# \{0,1\}//p }' "$0"; }

# as_root COMMAND [ARG...]
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        die "$1" "this needs root, and sudo is not installed" "run the same command as root"
    fi
}
