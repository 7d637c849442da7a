# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The newest QEMU that Debian has for its stable release, with all libraries that it loads, its OpenGL among them, unpacked aside. It
# runs on any distribution. Result: FOLDER/usr/bin/qemu-system-x86_64. That is a script, which starts the program by its own dynamic
# linker.
# Its D-Bus display knows what QEMU 10.0 does not: ScanoutDMABUF2.
# shellcheck disable=SC2154 # $rig comes from lib.sh

newqemu_suites="trixie trixie-backports"
newqemu_packages="qemu-system-x86 qemu-system-modules-opengl libegl-mesa0 libgl1-mesa-dri libgbm1"

part_inputs() { :; }

part_build() {
    local result=$1 root=$PWD/apt suite options deb
    mkdir -p "$root"/{lists/partial,archives/partial,sources}
    for suite in $newqemu_suites; do "$rig/apt-source" "$suite" >"$root/sources/$suite.sources"; done
    # As on a machine without any package.
    options=(-q -y -o "Dir::State::lists=$root/lists" -o "Dir::Cache=$root" -o Dir::Etc::sourcelist=/dev/null
        -o "Dir::Etc::sourceparts=$root/sources" -o Dir::State::status=/dev/null -o APT::Sandbox::User=
        -o APT::Install-Recommends=no -o Debug::NoLocking=1)
    say "downloading from ${newqemu_suites##* }" 2>&3
    apt-get "${options[@]}" update
    # shellcheck disable=SC2086 # a word list
    apt-get "${options[@]}" install --download-only -t "${newqemu_suites##* }" $newqemu_packages
    for deb in "$root"/archives/*.deb; do
        dpkg-deb -x "$deb" "$result"
    done
    basename -a "$root"/archives/*.deb >"$result/packages"
    rm -rf "${result:?}/usr/share"/{doc,man,locale,perl,perl5} "${result:?}/var"
    mkdir "$result/usr/program"
    mv "$result/usr/bin/qemu-system-x86_64" "$result/usr/program/"
    cat >"$result/usr/bin/qemu-system-x86_64" <<'END'
#!/bin/bash
usr=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
libraries=$usr/lib/x86_64-linux-gnu
# What leads others to other libraries.
unset LD_LIBRARY_PATH LD_PRELOAD
export QEMU_MODULE_DIR=$libraries/qemu __EGL_VENDOR_LIBRARY_DIRS=$usr/share/glvnd/egl_vendor.d
export LIBGL_DRIVERS_PATH=$libraries/dri GBM_BACKENDS_PATH=$libraries/gbm
exec -a "$0" "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$usr/program/qemu-system-x86_64" \
    -L "$usr/share/qemu" -L "$usr/share/seabios" "$@"
END
    chmod 755 "$result/usr/bin/qemu-system-x86_64"
    "$result/usr/bin/qemu-system-x86_64" -version
}
