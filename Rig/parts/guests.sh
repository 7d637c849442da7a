# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The guests for QEMU. Result: FOLDER/bootguest.elf.
# shellcheck disable=SC2154 # $rig comes from lib.sh

part_inputs() { cat "$rig"/guests/bootguest/*; }

part_build() {
    local source=$rig/guests/bootguest
    gcc -m32 -march=i686 -O2 -std=c17 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -no-pie -fno-pic \
        -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -mno-sse -mno-mmx \
        -Wl,-m,elf_i386 -Wl,--build-id=none -Wl,-z,noexecstack -T "$source/link.ld" \
        "$source/boot.S" "$source/guest.c" -o "$1/bootguest.elf"
}
