# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Mesa 25 for Debian 12, unpacked aside. Result: FOLDER/usr/lib/x86_64-linux-gnu and FOLDER/usr/share.
# Its software renderer maps a dma-buf by itself; Debian 12's own (22.3) needs a DRM device for that.

mesa_suite=bookworm-backports
mesa_packages="libegl-mesa0 libgbm1 libgl1-mesa-dri libglx-mesa0 mesa-libgallium libdrm2 libdrm-amdgpu1 libdrm-intel1"

part_inputs() { :; }

part_build() {
    local result=$1 deb lost
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = bookworm ] ||
        { echo "these packages are made for Debian 12: use the system's Mesa (Rig/run --mesa system)"; return 1; }
    say "downloading from $mesa_suite" 2>&3
    with_private_apt "$PWD/apt" "$mesa_suite" apt-get update
    # shellcheck disable=SC2086 # a word list
    with_private_apt "$PWD/apt" "$mesa_suite" apt-get download $mesa_packages
    for deb in ./*.deb; do
        dpkg-deb -x "$deb" "$result"
    done
    basename -a ./*.deb >"$result/packages"
    lost=$(find "$result" -name '*.so*' -exec env LD_LIBRARY_PATH="$result/usr/lib/x86_64-linux-gnu" ldd {} + | grep 'not found' || true)
    [ -z "$lost" ] || { echo "libraries missing on this system (Scripts/setup test):"; echo "$lost"; return 1; }
}
