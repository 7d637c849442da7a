# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For scripts that check an installed vgpu in the rig: each check is a line, and counted.

# The script prints them at its end.
# shellcheck disable=SC2034
passed=0 failed=0

# check NAME COMMAND...: runs the command, and shows its output only when it fails.
check() {
    local name=$1 status
    shift
    # A process of its own keeps `set -e` alive inside; bash drops it in conditions.
    set +e
    (set -e; "$@") >/tmp/log 2>&1
    status=$?
    set -e
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %s (%s s)\n' "$name" "$SECONDS"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$name"
        sed 's/^/        /' /tmp/log
    fi
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.2; done
}
