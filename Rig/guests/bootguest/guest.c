// SPDX-License-Identifier: Apache-2.0
//
// A guest that is nothing but a display: it boots in QEMU, sets a mode on a bochs-like display (mbochs, bochs-display), draws a picture
// whose every pixel is known, and flips at a steady rate. What it draws is specified in Rig/README.md, "The frame code".
//
// Kernel command line, all optional:
//   mode=WxH[,WxH...]  modes to show, one after the other (default 1024x768)
//   hold=N             frames until the next mode (default 0: stay in the first)
//   fps=N              flips per second, 1 to 1000; 0 draws frame 0 and halts (default 60)
//   beep=N             a tone of N Hz at the PC speaker, 19 to 20000
//   buffers=N          1 draws into the visible buffer, 2 and more flip (default 2)
//   pitch=PIXELS       distance of two lines, at least the width (default: the width)
//   live=box|full      what changes with each frame (default box)
//   frames=N           halt after so many frames (default 0: never)
//   report=SECONDS     a line on the serial port that often (default 0: never)

#include <stdint.h>

volatile uint32_t ticks;
void on_timer(void);
void on_other(void);

// MARK: ports

static void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static uint8_t in8(uint16_t port) { uint8_t value; __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port)); return value; }
static uint32_t in32(uint16_t port) { uint32_t value; __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port)); return value; }

// MARK: serial port

enum { serial_port = 0x3F8 };

static void serial_start(void) {
    out8(serial_port + 1, 0x00);
    out8(serial_port + 3, 0x80);
    out8(serial_port + 0, 0x01);
    out8(serial_port + 1, 0x00);
    out8(serial_port + 3, 0x03);
    out8(serial_port + 2, 0x07);
}

static void put_char(char c) {
    while (!(in8(serial_port + 5) & 0x20)) {}
    out8(serial_port, (uint8_t)c);
}

static void put(const char *text) {
    while (*text) put_char(*text++);
}

static void put_number(const char *before, uint32_t value) {
    char digits[10];
    int count = 0;
    put(before);
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count) put_char(digits[--count]);
}

static void __attribute__((noreturn)) halt(const char *why) {
    put(why);
    put("\n");
    for (;;) __asm__ volatile("cli; hlt");
}

// MARK: command line

static const char *command_line = "";

// The text behind "name=", or 0.
static const char *option(const char *name) {
    for (const char *at = command_line; *at;) {
        const char *n = name, *c = at;
        while (*n && *n == *c) n++, c++;
        if (!*n && *c == '=') return c + 1;
        while (*at && *at != ' ') at++;
        while (*at == ' ') at++;
    }
    return 0;
}

static uint32_t number(const char **at) {
    uint32_t value = 0;
    while (**at >= '0' && **at <= '9' && value < 100000000) value = value * 10 + (uint32_t)(*(*at)++ - '0');
    return value;
}

static uint32_t number_option(const char *name, uint32_t otherwise) {
    const char *at = option(name);
    return at ? number(&at) : otherwise;
}

// MARK: PCI

static uint32_t pci_read(uint32_t function, uint32_t offset) {
    out32(0xCF8, 0x80000000u | function << 8 | offset);
    return in32(0xCFC);
}

static void pci_write(uint32_t function, uint32_t offset, uint32_t value) {
    out32(0xCF8, 0x80000000u | function << 8 | offset);
    out32(0xCFC, value);
}

enum { pci_command = 0x04, pci_class = 0x08, pci_bar0 = 0x10, pci_bar2 = 0x18, display_id = 0x11111234 };

// Functions of bus 0: that is where -M pc puts what is named with -device.
static uint32_t find_display(void) {
    for (uint32_t function = 0; function < 256; function++)
        if (pci_read(function, 0) == display_id && pci_read(function, pci_class) >> 24 == 0x03) return function;
    halt("error: no display 1234:1111 on PCI bus 0");
}

static uint32_t bar_size(uint32_t function, uint32_t bar) {
    uint32_t before = pci_read(function, bar);
    pci_write(function, bar, 0xFFFFFFFFu);
    uint32_t mask = pci_read(function, bar) & ~15u;
    pci_write(function, bar, before);
    return ~mask + 1;
}

// MARK: display

enum { dispi_id, dispi_xres, dispi_yres, dispi_bpp, dispi_enable, dispi_bank, dispi_virtual_width, dispi_virtual_height, dispi_x, dispi_y };

static volatile uint16_t *dispi;
static volatile uint32_t *memory;
static uint32_t memory_size;

static uint32_t width, height, pitch, lines, buffers, block, box, live_full;

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void set_mode(uint32_t w, uint32_t h) {
    width = w;
    height = h;
    pitch = number_option("pitch", w);
    if (pitch < w) pitch = w;
    buffers = number_option("buffers", 2);
    if (!buffers) buffers = 1;
    if (!w || !h || w > 8192 || h > 8192 || pitch > 16384) halt("error: the mode is out of range");
    // mbochs hands out only buffers that start on a page.
    lines = h;
    if (buffers > 1)
        while (lines * pitch * 4 % 4096) lines++;
    uint32_t fits = memory_size / (pitch * 4 * lines);
    if (!fits) fits = pitch * 4 * h <= memory_size;
    if (!fits) halt("error: the mode does not fit the video memory");
    if (buffers > fits) {
        put_number("warning: video memory holds only ", fits);
        put(" buffers\n");
        buffers = fits;
    }
    block = least(16, w / 32);
    if (!block) block = 1;
    box = least(w, h) / 4;

    dispi[dispi_enable] = 0;
    dispi[dispi_xres] = (uint16_t)w;
    dispi[dispi_yres] = (uint16_t)h;
    dispi[dispi_bpp] = 32;
    dispi[dispi_virtual_width] = (uint16_t)pitch;
    dispi[dispi_virtual_height] = (uint16_t)(lines * buffers);
    dispi[dispi_x] = 0;
    dispi[dispi_y] = 0;
    dispi[dispi_enable] = 0x41;

    put_number("mode ", w);
    put_number("x", h);
    put_number(" stride ", pitch * 4);
    put_number(" buffers ", buffers);
    put("\n");
}

static void draw_picture(volatile uint32_t *buffer, uint32_t left, uint32_t top, uint32_t frame) {
    for (uint32_t y = top; y < height; y++)
        for (uint32_t x = left; x < width; x++)
            buffer[y * pitch + x] = (x & 255) << 16 | (y & 255) << 8 | ((x ^ y ^ frame) & 255);
}

static void draw_code(volatile uint32_t *buffer, uint32_t frame) {
    for (uint32_t y = 0; y < least(2 * block, height); y++) {
        uint32_t bits = y < block ? frame : ~frame;
        for (uint32_t x = 0; x < least(32 * block, width); x++)
            buffer[y * pitch + x] = bits >> (31 - x / block) & 1 ? 0xFFFFFF : 0;
    }
}

static volatile uint32_t *buffer_of(uint32_t frame) { return memory + frame % buffers * lines * pitch; }

static void draw(uint32_t frame) {
    volatile uint32_t *buffer = buffer_of(frame);
    if (live_full) draw_picture(buffer, 0, 0, frame);
    else draw_picture(buffer, width - box, height - box, frame);
    draw_code(buffer, frame);
}

// MARK: time

static struct { uint16_t low, selector, kind, high; } interrupts[256];

// Ticks come `per_frame` to a frame, because the timer cannot go below 19 Hz. Returns that number.
static uint32_t start_timer(uint32_t fps) {
    uint32_t per_frame = fps < 100 ? 100 / fps + 1 : 1;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t address = (uint32_t)(i == 0x20 ? on_timer : on_other);
        interrupts[i].low = (uint16_t)address;
        interrupts[i].selector = 8;
        interrupts[i].kind = 0x8E00;
        interrupts[i].high = (uint16_t)(address >> 16);
    }
    struct { uint16_t limit; uint32_t base; } __attribute__((packed)) pointer = {sizeof interrupts - 1, (uint32_t)interrupts};
    __asm__ volatile("lidt %0" : : "m"(pointer));

    static const uint8_t controllers[][2] = {{0x20, 0x11}, {0xA0, 0x11}, {0x21, 0x20}, {0xA1, 0x28}, {0x21, 4}, {0xA1, 2},
                                             {0x21, 1}, {0xA1, 1}, {0x21, 0xFE}, {0xA1, 0xFF}};
    for (uint32_t i = 0; i < sizeof controllers / 2; i++) out8(controllers[i][0], controllers[i][1]);

    uint32_t rate = fps * per_frame, divisor = (1193182 + rate / 2) / rate;
    out8(0x43, 0x34);
    out8(0x40, (uint8_t)divisor);
    out8(0x40, (uint8_t)(divisor >> 8));
    __asm__ volatile("sti");
    return per_frame;
}

static void start_tone(uint32_t frequency) {
    uint32_t divisor = 1193182 / frequency;
    out8(0x43, 0xB6);
    out8(0x42, (uint8_t)divisor);
    out8(0x42, (uint8_t)(divisor >> 8));
    out8(0x61, 3);
}

// The check and the halt must not be torn apart by the tick that is waited for: sti takes effect after the next instruction.
static void sleep_until(uint32_t when) {
    for (;;) {
        __asm__ volatile("cli");
        if ((int32_t)(ticks - when) >= 0) break;
        __asm__ volatile("sti; hlt");
    }
    __asm__ volatile("sti");
}

// MARK: main

struct multiboot { uint32_t flags, lower, upper, boot_device, command_line; };

void guest_main(const struct multiboot *info);
void guest_main(const struct multiboot *info) {
    serial_start();
    if (info->flags & 4) command_line = (const char *)info->command_line;

    uint32_t function = find_display();
    pci_write(function, pci_command, pci_read(function, pci_command) | 2);
    memory = (volatile uint32_t *)(pci_read(function, pci_bar0) & ~15u);
    memory_size = bar_size(function, pci_bar0);
    dispi = (volatile uint16_t *)((pci_read(function, pci_bar2) & ~15u) + 0x500);
    if ((dispi[dispi_id] & 0xFFF0) != 0xB0C0) halt("error: the display has no dispi registers");

    const char *live = option("live"), *modes = option("mode");
    live_full = live && live[0] == 'f';
    const char *mode = modes ? modes : "1024x768";
    uint32_t fps = least(number_option("fps", 60), 1000), last = number_option("frames", 0);
    uint32_t hold = number_option("hold", 0), report = number_option("report", 0);
    uint32_t per_frame = fps ? start_timer(fps) : 0;
    uint32_t tone = number_option("beep", 0);
    if (tone >= 19 && tone <= 20000) start_tone(tone);
    uint32_t next = 0, next_report = 0, late = 0, until_mode = 0;

    for (uint32_t frame = 0;; frame++) {
        if (!until_mode) {
            uint32_t w = number(&mode);
            if (*mode == 'x') mode++;
            uint32_t h = number(&mode);
            set_mode(w, h);
            for (uint32_t i = 0; i < buffers; i++) draw_picture(memory + i * lines * pitch, 0, 0, 0);
            if (*mode == ',') mode++;
            else mode = modes ? modes : "1024x768";
            until_mode = hold ? hold : 0xFFFFFFFFu;
            next = ticks;
        }
        until_mode--;

        draw(frame);
        if (fps && frame) {
            next += per_frame;
            if ((int32_t)(ticks - next) > 0) {
                late++;
                next = ticks;
            }
            sleep_until(next);
        }
        dispi[dispi_y] = (uint16_t)(frame % buffers * lines);

        if (!frame) {
            put("frame 0\n");
            next_report = ticks + report * fps * per_frame;
        }
        if (report && (int32_t)(ticks - next_report) >= 0) {
            put_number("frame ", frame);
            put_number(" late ", late);
            put("\n");
            next_report += report * fps * per_frame;
        }
        if (!fps || frame + 1 == last) {
            put_number("halted at frame ", frame);
            halt("");
        }
    }
}
