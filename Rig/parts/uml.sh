# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # $rig comes from lib.sh
# The rig's kernel: Debian's linux-source built as User-Mode Linux. Result: FOLDER/linux.

kernel_source=linux-source-6.12

part_inputs() {
    package_version "$kernel_source"
    cat "$rig/kernel/rig-6.12.patch" "$rig/kernel/uml.config"
}

part_build() {
    local result=$1 archive=/usr/src/$kernel_source.tar.xz line files=0
    [ -e "$archive" ] || { echo "$archive is missing: run Scripts/setup test"; return 1; }
    say "unpacking $archive" 2>&3
    tar -xf "$archive" --strip-components=1
    patch -p1 --no-backup-if-mismatch <"$rig/kernel/rig-6.12.patch"

    export ARCH=um KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig
    make defconfig
    cat "$rig/kernel/uml.config" >>.config
    make olddefconfig
    grep -E '^(# )?CONFIG_' "$rig/kernel/uml.config" | while read -r line; do
        grep -qxF "$line" .config && continue
        # An option that another option makes impossible is absent; that is as good as off.
        [[ $line == *' is not set' ]] && ! grep -q "^${line:2:-11}=" .config && continue
        echo "the kernel's configuration lost this line of uml.config: $line"
        return 1
    done

    say "compiling the kernel" 2>&3
    make -j"$(nproc)" linux 2>&1 | while read -r line; do
        printf '%s\n' "$line"
        files=$((files + 1))
        [ $((files % 250)) != 0 ] || say "  $files files" 2>&3
    done
    strip -o "$result/linux" linux
}
