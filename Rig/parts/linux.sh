# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A Linux guest that shows the input it gets: Debian's own kernel unchanged, its modules, and guests/linuxguest as all of user
# space.
# Result: FOLDER/vmlinuz, FOLDER/initramfs, FOLDER/cmdline (the kernel's arguments).
# shellcheck disable=SC2154 # $rig comes from lib.sh

kernel_source=linux-source-6.12
# Modules that are loaded before the board is shown, and after.
display_modules="bochs virtio_gpu"
input_modules="evdev button psmouse xhci_pci usbhid hid_generic virtio_input"
drive_modules="virtio_scsi usb_storage sr_mod"
# Loaded only when the guest shall play.
sound_modules="snd_hda_codec_generic snd_hda_intel"

part_inputs() {
    package_version "$kernel_source"
    cat "$rig"/guests/linuxguest/*
}

# add_modules PREFIX NAME...: adds these modules and their dependencies, as initramfs/modules/PREFIXnn-NAME.ko in the order of
# loading.
add_modules() {
    local prefix=$1 name file number=10
    shift
    for name; do
        modprobe -d "$PWD/root" -S "$release" --show-depends "$name"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
        number=$((number + 1))
        name=${file##*/} name=${name%%.*}
        case $file in
            *.xz) xz -dc "$file" ;;
            *) cat "$file" ;;
        esac >"initramfs/modules/$prefix$number-$name.ko"
    done
}

part_build() {
    local result=$1 release
    release=$(signed_kernel "$PWD/apt")

    say "downloading linux-image-$release" 2>&3
    with_private_apt "$PWD/apt" bookworm-security apt-get download "linux-image-$release"
    dpkg-deb --fsys-tarfile ./*.deb | tar -x --one-top-level=root ./boot ./lib/modules
    depmod -b "$PWD/root" "$release"

    mkdir -p initramfs/modules
    gcc -I/usr/include/libdrm -O2 -std=gnu17 -static -s -Wall -Wextra -Werror "$rig"/guests/linuxguest/*.c -o initramfs/init -lm
    # shellcheck disable=SC2086 # word lists
    {
        add_modules 1 $display_modules
        add_modules 2 $input_modules $drive_modules
        add_modules 3 $sound_modules
    }
    mkdir initramfs/dev
    # The kernel opens its first process's output here.
    mknod initramfs/dev/console c 5 1
    (cd initramfs && find . | cpio -o -H newc) >"$result/initramfs"
    cp "root/boot/vmlinuz-$release" "$result/vmlinuz"
    echo "console=ttyS0 quiet iomem=relaxed" >"$result/cmdline"
}
