# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# QEMU 10 for Debian 12, unpacked aside. Result: FOLDER/usr/bin/qemu-system-x86_64. That is a script, which
# tells the program where its modules are (displays, virtio GPUs), and then becomes the program; it finds its other files by itself.
# Debian 12's own QEMU 7.2 knows no iommufd, so it cannot be handed an open VFIO device.

qemu_suite=bookworm-backports
qemu_packages="qemu-system-x86 qemu-system-common qemu-system-data seabios
    qemu-system-gui qemu-system-modules-opengl qemu-system-modules-spice"

part_inputs() { :; }

part_build() {
    local result=$1 deb lost
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = bookworm ] ||
        { echo "these packages are made for Debian 12: use the system's QEMU"; return 1; }
    say "downloading from $qemu_suite" 2>&3
    with_private_apt "$PWD/apt" "$qemu_suite" apt-get update
    # shellcheck disable=SC2086 # a word list
    with_private_apt "$PWD/apt" "$qemu_suite" apt-get download $qemu_packages
    for deb in ./*.deb; do
        dpkg-deb -x "$deb" "$result"
    done
    basename -a ./*.deb >"$result/packages"
    lost=$(ldd "$result/usr/bin/qemu-system-x86_64" | grep 'not found' || true)
    mkdir "$result/usr/program"
    mv "$result/usr/bin/qemu-system-x86_64" "$result/usr/program/"
    cat >"$result/usr/bin/qemu-system-x86_64" <<'END'
#!/bin/bash
usr=${BASH_SOURCE[0]%/*}/..
export QEMU_MODULE_DIR=$usr/lib/x86_64-linux-gnu/qemu
exec -a "$0" "$usr/program/qemu-system-x86_64" "$@"
END
    chmod 755 "$result/usr/bin/qemu-system-x86_64"
    [ -z "$lost" ] || { echo "libraries missing on this system (Scripts/setup test):"; echo "$lost"; return 1; }
}
