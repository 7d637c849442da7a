# SPDX-License-Identifier: Apache-2.0
#
# A guest of one sector that plays: it reads a second of sound from its disk (48000 frames of two signed
# samples of 16 bits, from the second sector on), and has the AC97 device in slot 16 play that without end.
# When the word at `records` is not 0, the device records into the same second, half a second before it
# plays.
#
#   as --32 tone.S -o tone.o && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e start tone.o -o tone.bin

        .intel_syntax noprefix
        .code16
        .globl  start
        .set    lists, 0x8000            # two lists of 32 parts: played, then recorded
        .set    sound, 0x10000
        .set    part, 6000               # bytes

start:  jmp     begin
records:
        .word   0

begin:  xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00

        # The sound: three times 125 sectors, by the BIOS (INT 13h, AH=42h).
        mov     cx, 3
read:   push    cx
        mov     ah, 0x42
        mov     dl, 0x80
        mov     si, offset packet
        int     0x13
        add     word ptr [packet + 6], 0xfa0
        add     word ptr [packet + 8], 125
        pop     cx
        loop    read

        # The device: I/O and bus mastering on; its two ports.
        mov     eax, 0x80008004
        mov     ebx, 5
        call    write_config
        mov     eax, 0x80008010
        call    read_config
        mov     [mixer], ax
        mov     eax, 0x80008014
        call    read_config
        mov     [master], ax

        # The lists. What is played is half a second ahead of what is recorded.
        mov     di, lists
        mov     eax, sound + 16 * part
        call    list
        mov     eax, sound
        call    list

        # Full volume: master and PCM out (the loudest is 0), recording (the loudest is 15).
        mov     dx, [mixer]
        xor     ax, ax
        add     dx, 0x02
        out     dx, ax
        add     dx, 0x16
        out     dx, ax
        mov     ax, 0x0f0f
        add     dx, 0x04
        out     dx, ax

        # Where the lists are, the last part, and go.
        mov     dx, [master]
        add     dx, 0x10
        mov     eax, lists
        out     dx, eax
        mov     eax, lists + 256
        mov     dx, [master]
        out     dx, eax
        mov     bx, 0x10
        call    run
        cmp     word ptr [records], 0
        je      play
        xor     bx, bx
        call    run

        # The last part is always the one before the present one.
play:   sti
        hlt
        mov     bx, 0x10
        call    extend
        cmp     word ptr [records], 0
        je      play
        xor     bx, bx
        call    extend
        jmp     play

run:    mov     dx, [master]
        add     dx, bx
        add     dx, 5
        mov     al, 31
        out     dx, al
        add     dx, 6
        mov     al, 1
        out     dx, al
        ret

extend: mov     dx, [master]
        add     dx, bx
        add     dx, 4
        in      al, dx
        dec     al
        and     al, 31
        inc     dx
        out     dx, al
        ret

# 32 parts from eax on, within the sound, at di.
list:   mov     cx, 32
next:   mov     [di], eax
        mov     dword ptr [di + 4], part / 2
        add     di, 8
        add     eax, part
        cmp     eax, sound + 32 * part
        jb      within
        sub     eax, 32 * part
within: loop    next
        ret

read_config:
        mov     dx, 0xcf8
        out     dx, eax
        mov     dx, 0xcfc
        in      eax, dx
        and     al, 0xfc
        ret
write_config:
        mov     dx, 0xcf8
        out     dx, eax
        mov     dx, 0xcfc
        mov     eax, ebx
        out     dx, eax
        ret

        .balign 4
packet: .byte   16, 0
        .word   125, 0, 0x1000
        .long   1, 0
mixer:  .word   0
master: .word   0

        .org    510
        .word   0xaa55
