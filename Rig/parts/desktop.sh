# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A Linux guest with a desktop, XFCE: the packages in guests/desktop from this machine's own Debian sources, and its kernel. It
# knows nothing of the rig and writes to no disk.
# Result: FOLDER/vmlinuz, FOLDER/initramfs, FOLDER/disk (squashfs), FOLDER/cmdline (the kernel's arguments).
# shellcheck disable=SC2016,SC2154 # the expressions are apt-get's and mmdebstrap's; $rig comes from lib.sh

# The initramfs needs the first list; the running guest loads those of both lists that fit its devices.
disk_modules="virtio_pci virtio_blk squashfs overlay"
device_modules="bochs virtio_gpu evdev button psmouse xhci_pci usbhid hid_generic virtio_input virtio_net e1000"

# Files that no program in the guest reads. Software GL is among them: with LLVM it would be a third of the disk.
left_out="
    /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/gtk-doc/* /usr/share/lintian/*
    /usr/lib/*/libLLVM* /usr/lib/*/libz3.so* /usr/lib/*/dri/* /usr/lib/gcc/* /usr/lib/*/perl/*/CORE/*"

# debian_sources: prints this machine's own sources of Debian packages, in the format of sources.list.
debian_sources() {
    apt-get indextargets --format \
        '$(ORIGIN) deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        "Created-By: Packages" | sed -n 's/^Debian deb /deb /p'
}

part_inputs() {
    sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
    (cd "$rig/guests/desktop" && find . -type f | LC_ALL=C sort | xargs -d '\n' tail -v -n +1)
}

# add_modules TREE NAME...: adds these modules and their dependencies, with the index that modprobe reads.
add_modules() {
    local tree=$1 name file
    shift
    mkdir -p "$tree/lib/modules/$release"
    cp kernel/lib/modules/"$release"/modules.{order,builtin,builtin.modinfo} "$tree/lib/modules/$release"
    for name; do
        modprobe -d "$PWD/kernel" -S "$release" --show-depends "$name"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u >modules
    while read -r file; do
        name=${file##*/}
        case $file in
            *.xz) xz -dc "$file" ;;
            *) cat "$file" ;;
        esac >"$tree/lib/modules/$release/${name%%.*}.ko"
    done <modules
    depmod -b "$PWD/$tree" "$release"
}

part_build() {
    local result=$1 guest=$rig/guests/desktop image release packages pattern options=()
    debian_sources >sources.list
    [ -s sources.list ] || { echo "apt knows no Debian source: run apt-get update"; return 1; }

    image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p')
    say "downloading $image and the desktop's packages" 2>&3
    apt-get -q download "$image"
    release=${image#linux-image-}
    dpkg-deb --fsys-tarfile ./linux-image-*.deb | tar -x --one-top-level=kernel ./boot ./lib/modules
    depmod -b "$PWD/kernel" "$release"
    cp "kernel/boot/vmlinuz-$release" "$result/vmlinuz"

    # shellcheck disable=SC2086 # a word list
    add_modules initramfs $disk_modules
    mkdir initramfs/{bin,dev,proc,sys,disk,memory,root}
    cp "$(command -v busybox)" initramfs/bin/busybox
    install -m 755 "$guest/init" initramfs/init
    (cd initramfs && find . | cpio -o -H newc -R 0:0) | gzip -9 >"$result/initramfs"

    cp -r "$guest/root" root
    # Debian's /lib is a link to usr/lib.
    # shellcheck disable=SC2086 # word lists
    add_modules root/usr $disk_modules $device_modules
    mkdir -p root/usr/share/backgrounds
    "$guest/wallpaper" root/usr/share/backgrounds/dusk.png
    install -m 755 "$guest/setup" root/setup
    # The files' owner and mode must be the guest's, independent of the checkout.
    tar -C root --owner=0 --group=0 --mode=u=rwX,go=rX -cf root.tar .

    packages=$(sed 's/#.*//' "$guest/packages" | tr '\n' ' ')
    apt_settings >apt.conf
    set -f
    for pattern in $left_out; do options+=(--dpkgopt="path-exclude=$pattern"); done
    set +f
    as_root mmdebstrap --variant=essential --include="$packages" --aptopt="$PWD/apt.conf" "${options[@]}" \
        --customize-hook="tar-in root.tar /" --customize-hook='chroot "$1" /setup' \
        --customize-hook='rm "$1/setup" "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
        "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" - sources.list |
        sqfstar -quiet -no-progress -comp lz4 -Xhc "$result/disk"
    # A squashfs is read in blocks of 512 bytes, but a disk in blocks of the size that QEMU chooses.
    truncate -s %1M "$result/disk"
    echo "console=ttyS0 quiet mitigations=off" >"$result/cmdline"
}
