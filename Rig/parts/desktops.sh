# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian 13's compositors, in a folder with all that they need, for Rig/desktop: Debian 12's know no fractional scale.
# Result: FOLDER/root.
# shellcheck disable=SC2016,SC2154 # the expressions are mmdebstrap's; $rig comes from lib.sh

desktops_suite=trixie
desktops_packages="sway,grim,weston,mutter,kwin-wayland,dbus,libgl1-mesa-dri,libegl-mesa0,fonts-dejavu-core"
# What desktop-control runs on.
desktops_packages+=",python3-gi,pipewire,wireplumber,gstreamer1.0-tools,gstreamer1.0-pipewire,gstreamer1.0-plugins-base,gstreamer1.0-plugins-good"

part_inputs() { cat "$rig/apt-source"; }

part_build() {
    local result=$1 program
    "$rig/apt-source" "$desktops_suite" >desktops.sources
    apt_settings >apt.conf
    say "downloading from $desktops_suite" 2>&3
    as_root mmdebstrap --variant=essential --include="$desktops_packages" --aptopt="$PWD/apt.conf" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
        --customize-hook='mkdir -p "$1/run/desktop"' \
        "$desktops_suite" "$result/root" desktops.sources
    for program in sway mutter kwin_wayland weston; do
        test -x "$result/root/usr/bin/$program"
    done
}
