# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A disk that a UEFI with Secure Boot starts: Debian's shim, signed by Microsoft, then Debian's GRUB and kernel, signed by
# Debian, all unchanged; their user space is guests/secureguest, with busybox, qemu-guest-agent and signed modules.
# Result: FOLDER/disk.img (a FAT file system without partitions).
# shellcheck disable=SC2154 # $rig comes from lib.sh

kernel_source=linux-source-6.12
modules="efivarfs tpm_crb tpm_tis button ahci sd_mod sr_mod virtio_blk virtio_console 9p 9pnet_virtio virtiofs"

part_inputs() {
    package_version "$kernel_source"
    package_version busybox-static
    cat "$rig/guests/secureguest/init"
}

part_build() {
    local result=$1 release file number=100 packages
    release=$(signed_kernel "$PWD/apt-kernel")
    packages="shim-signed grub-efi-amd64-signed qemu-guest-agent"

    say "downloading linux-image-$release, $packages" 2>&3
    with_private_apt "$PWD/apt-kernel" bookworm-security apt-get download "linux-image-$release"
    with_private_apt "$PWD/apt" bookworm apt-get update
    # shellcheck disable=SC2086 # a word list
    with_private_apt "$PWD/apt" bookworm apt-get download $packages
    for file in ./*.deb; do
        dpkg-deb -x "$file" root
    done
    basename -a ./*.deb >"$result/packages"
    depmod -b "$PWD/root" "$release"

    mkdir -p initramfs/{bin,dev,modules}
    cp /bin/busybox initramfs/bin/
    install "$rig/guests/secureguest/init" initramfs/init
    # The agent with this machine's own libraries, and the program that it calls.
    install -D root/usr/sbin/qemu-ga initramfs/bin/qemu-ga
    ldd root/usr/sbin/qemu-ga | grep -o '/[^ ]*' | while read -r file; do
        install -D "$file" "initramfs$file"
    done
    mkdir -p initramfs/sbin
    printf '#!/bin/sh\nexec /bin/busybox poweroff -f\n' >initramfs/sbin/shutdown
    chmod 755 initramfs/sbin/shutdown
    for file in $modules; do
        modprobe -d "$PWD/root" -S "$release" --show-depends "$file"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
        number=$((number + 1))
        case $file in
            *.xz) xz -dc "$file" >"initramfs/modules/$number.ko" ;;
            *) cp "$file" "initramfs/modules/$number.ko" ;;
        esac
    done
    # The kernel opens its first process's output here.
    mknod initramfs/dev/console c 5 1
    (cd initramfs && find . | cpio -o -H newc | gzip -1) >initramfs.gz

    # GRUB looks here on the disk that it was started from.
    cat >grub.cfg <<'END'
linux /vmlinuz console=ttyS0 quiet no_timer_check
initrd /initramfs
boot
END
    # FAT32 needs so many clusters; most of it is a hole.
    truncate -s 64M "$result/disk.img"
    mformat -i "$result/disk.img" -F ::
    mmd -i "$result/disk.img" ::/EFI ::/EFI/BOOT ::/EFI/debian
    mcopy -i "$result/disk.img" root/usr/lib/shim/shimx64.efi.signed ::/EFI/BOOT/BOOTX64.EFI
    mcopy -i "$result/disk.img" root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed ::/EFI/BOOT/grubx64.efi
    mcopy -i "$result/disk.img" grub.cfg ::/EFI/debian/grub.cfg
    mcopy -i "$result/disk.img" "root/boot/vmlinuz-$release" ::/vmlinuz
    mcopy -i "$result/disk.img" initramfs.gz ::/initramfs
}
