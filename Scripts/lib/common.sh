# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Functions that all scripts share: messages, errors, root. Source this file, do not run it.

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

# Prints swiftc's options, one a line, for a file with packed relocations: a tenth smaller. glibc's loader knows them from 2.36 on.
packed_relocations() {
    local version
    version=$(getconf GNU_LIBC_VERSION 2>/dev/null) || return 0
    [ "$(printf '%s\n' 2.36 "${version#glibc }" | sort -V | head -n 1)" = 2.36 ] || return 0
    printf '%s\n' -Xlinker -z -Xlinker pack-relative-relocs
}
