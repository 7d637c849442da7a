# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian's own kernel for Rig/run-tcg, unchanged, and the sample devices as modules built against its headers.
# Result: FOLDER/vmlinuz, FOLDER/initramfs, FOLDER/lib/modules.
# shellcheck disable=SC2154 # $rig comes from lib.sh

kernel_source=linux-source-6.12
# In the order of loading: first the modules that reach the root folder, then the rig's own.
boot_modules="9pnet_virtio 9p"
rig_modules="overlay vfio vfio_iommu_type1 mdev mbochs mdpy mtty"
# For the second machine: VFIO for real PCI devices, and the drivers of its own devices.
# KVM is AMD's, which QEMU emulates.
pci_modules="overlay vfio vfio_iommu_type1 vfio-pci e1000e e1000 xhci-pci bochs igb igbvf kvm_amd"

part_inputs() {
    package_version "$kernel_source"
    cat "$rig/kernel/rig-6.12.patch" "$rig/inside/initramfs-init"
}

# module_files NAME...: prints the files that modprobe would load for these modules, in order.
module_files() {
    local name
    for name; do
        modprobe -d "$PWD/root" -S "$release" --show-depends "$name"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}

part_build() {
    local result=$1 abi release file modules
    release=$(signed_kernel "$PWD/apt")
    abi=${release%-amd64}

    say "downloading linux-image-$release" 2>&3
    with_private_apt "$PWD/apt" bookworm-security apt-get download \
        "linux-image-$release" "linux-headers-$release" "linux-headers-$abi-common" "linux-kbuild-$abi"
    for file in ./*.deb; do
        dpkg-deb -x "$file" root
    done

    say "building mbochs, mdpy, mtty against its headers" 2>&3
    tar -xf "/usr/src/$kernel_source.tar.xz" --strip-components=1 "$kernel_source/samples/vfio-mdev"
    # The part of the rig's patch for the samples; the rest of it patches files that are not here.
    awk '/^--- / { on = /samples\/vfio-mdev/ } on' "$rig/kernel/rig-6.12.patch" | patch -p1 --no-backup-if-mismatch
    # The headers refer to each other by their installed paths.
    sed -i "s|/usr/src/|$PWD/root&|" "root/usr/src/linux-headers-$release/Makefile"
    make -C "root/usr/src/linux-headers-$release" M="$PWD/samples/vfio-mdev" CONFIG_DEBUG_INFO_BTF_MODULES= \
        CONFIG_SAMPLE_VFIO_MDEV_MBOCHS=m CONFIG_SAMPLE_VFIO_MDEV_MDPY=m CONFIG_SAMPLE_VFIO_MDEV_MTTY=m \
        CONFIG_SAMPLE_VFIO_MDEV_MDPY_FB=n modules
    mkdir "root/lib/modules/$release/extra"
    cp samples/vfio-mdev/*.ko "root/lib/modules/$release/extra/"
    depmod -b "$PWD/root" "$release"

    # shellcheck disable=SC2086 # word lists
    {
        mkdir -p initramfs/{bin,modules,proc,root}
        cp /bin/busybox initramfs/bin/
        install "$rig/inside/initramfs-init" initramfs/init
        modules=$(module_files $boot_modules)
        number=100
        for file in $modules; do
            number=$((number + 1))
            case $file in
                *.xz) xz -dc "$file" >"initramfs/modules/$number.ko" ;;
                *) cp "$file" "initramfs/modules/$number.ko" ;;
            esac
        done
        (cd initramfs && find . | cpio -o -H newc) >"$result/initramfs"
        mkdir -p "$result/lib/modules/$release"
        for file in $(module_files $rig_modules $pci_modules); do
            cp "$file" "$result/lib/modules/$release/"
        done
        cp "root/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$result/lib/modules/$release/"
        depmod -b "$result" "$release"
        echo "$rig_modules" >"$result/modules"
        echo "$pci_modules" >"$result/modules-pci"
    }
    cp "root/boot/vmlinuz-$release" "$result/vmlinuz"
}
