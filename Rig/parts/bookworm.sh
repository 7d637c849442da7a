# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian 12 as it is before anything is installed, for Rig/clean-root: what is essential, and apt.
# Result: FOLDER/root.
# shellcheck disable=SC2016,SC2154 # the expressions are mmdebstrap's; $rig comes from lib.sh

clean_suite=bookworm

part_inputs() { cat "$rig/apt-source" "$rig/parts/bookworm.sh"; }

part_build() {
    local result=$1
    "$rig/apt-source" "$clean_suite" >clean.sources
    apt_settings >apt.conf
    say "downloading from $clean_suite" 2>&3
    # The settings stay in the root, because its own apt uses them.
    as_root mmdebstrap --variant=apt --aptopt="$PWD/apt.conf" --dpkgopt=force-unsafe-io \
        --customize-hook='rm -rf "$1"/var/cache/apt/*.bin' "$clean_suite" "$result/root" clean.sources
    test -x "$result/root/usr/bin/apt-get"
}
