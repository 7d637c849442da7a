# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# virtiofsd for Debian 12, which has only QEMU 7.2's own program of that name: Debian 13's, with the libraries that it needs,
# unpacked aside. Result: FOLDER/virtiofsd, a script that becomes the program.

virtiofsd_suite=trixie
virtiofsd_packages="virtiofsd libc6 libgcc-s1 libcap-ng0 libseccomp2"

part_inputs() { :; }

part_build() {
    local result=$1 deb
    say "downloading from $virtiofsd_suite" 2>&3
    with_private_apt "$PWD/apt" "$virtiofsd_suite" apt-get update
    # shellcheck disable=SC2086 # a word list
    with_private_apt "$PWD/apt" "$virtiofsd_suite" apt-get download $virtiofsd_packages
    for deb in ./*.deb; do
        dpkg-deb -x "$deb" "$result"
    done
    basename -a ./*.deb >"$result/packages"
    cat >"$result/virtiofsd" <<'END'
#!/bin/bash
usr=${BASH_SOURCE[0]%/*}/usr
exec "$usr/lib64/ld-linux-x86-64.so.2" --library-path "$usr/lib/x86_64-linux-gnu" "$usr/libexec/virtiofsd" "$@"
END
    chmod 755 "$result/virtiofsd"
    "$result/virtiofsd" --version
}
