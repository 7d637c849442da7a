/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader's hand (Multiboot 1: 32-bit protected mode, paging off) to C, and the one interrupt that is used. */

#define MAGIC 0x1BADB002
#define FLAGS 0

        .section .multiboot, "a"
        .balign 4
        .long   MAGIC, FLAGS, -(MAGIC + FLAGS)

        .text
        .globl  _start
_start:
        mov     $stack_top, %esp
        /* The loader's descriptor table may be gone, and an interrupt loads CS from it. */
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        cld
        push    %ebx
        call    guest_main
2:      cli
        hlt
        jmp     2b

        .globl  on_timer
on_timer:
        push    %eax
        incl    %ss:ticks
        mov     $0x20, %al
        out     %al, $0x20
        pop     %eax
        iret

        /* Whatever else may fire (a spurious interrupt of the second PIC, say) is of no interest. */
        .globl  on_other
on_other:
        iret

        .data
        .balign 8
gdt:    .quad   0
        .quad   0x00CF9A000000FFFF
        .quad   0x00CF92000000FFFF
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .bss
        .balign 16
        .skip   16384
stack_top:

        .section .note.GNU-stack, "", @progbits
