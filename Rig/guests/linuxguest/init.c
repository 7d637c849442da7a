// SPDX-License-Identifier: Apache-2.0
// The first and only process of the rig's Linux guest: it shows on the display what keyboards and
// mice told it. Every pixel it shows is known.
//
// The board, as Tests/RigTests/InputBoard.swift reads it and Rig/README.md, "The input board",
// tells it. It is a square of 32 x 32 cells of 6 x 6 pixels, whose corner is the guest's (8, 8).
//
//   row 0       the marker: MARKER's bits, 1 magenta (FF00FF), 0 green (00FF00)
//   rows 1-24   the key or button (row - 1) * 32 + column of linux/input-event-codes.h:
//               R = presses & 255, G = releases & 255, B = 255 while it is down, else 64;
//               in place of key 0, which no keyboard has, the devices that are read:
//               R = keyboards, G = absolute pointers, B = relative pointers
//   rows 25-31  words of 32 bits, 1 white, 0 black:
//     25        the absolute pointer: x (16 bits), y (16 bits), each in 0...32767
//     26, 27    sums of relative x, relative y; signed
//     28, 29    sums of the wheel, of the horizontal wheel; signed
//     30        the mode: width (16 bits), height (16 bits)
//     31        CRC-32 (that of zlib) of rows 1 to 24 as bytes R, G, B and of the words 25 to 30,
//               most significant byte first
//
// In bit rows the most significant bit is leftmost. Outside the board a crosshair of white lines,
// 17 pixels each, lies at the absolute pointer; all else is R = x & 255, G = y & 255, B = x ^ y & 255.
//
// With the kernel's argument `pointer` the display's cursor plane has a pointer, 64 pixels wide and high, whose pixel (5, 3) lies
// at the absolute pointer. Its upper left 20 x 28 pixels are R = 12 x, G = 8 y, B = 128, opaque, and all others are transparent;
// while the left button is down they are R = 8 y, G = 12 x, B = 32.
//
// With one of the kernel's arguments `tone`, `echo` and `marks` the guest plays that (sound.h).
//
// With the kernel's argument `flips=N` the guest is not the board but the frame code of Rig/README.md: it flips N times a second,
// 1000 at most, among `buffers=N` buffers (default 4, at most 8), in the mode `mode=WxH` or the display's preferred one; with N = 0 it
// draws frame 0 and halts. The serial port gets `mode WxH buffers N` and `frame 0`, and with `report=M` a line `frame N` after each M flips.
//
// Otherwise the serial port gets `board WxH` when a mode is shown, `output N WxH` when a further output of the
// display has got a monitor that prefers this mode, `output N gone` when it has lost it, `input NAME` when a device is read,
// `touch SLOT X Y` when a finger touches a touch screen or moves there, `touch SLOT gone` when it leaves,
// `drive NAME TEXT` when an optical drive comes, TEXT being how its disc begins, `drive NAME gone` when
// it goes, and `error: ...` when something is wrong.
#include "say.h"
#include "sound.h"

#include <dirent.h>
#include <drm.h>
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    MARKER = 0x5A6F0E91,
    CELL = 6,
    CELLS = 32,
    CORNER = 8,
    KEYS = 768,
    KEY_ROWS = KEYS / CELLS,
    ARM = 8,
    POLL_MS = 250,
    MAX_INPUTS = 32,
    EDID_SIZE = 128,
};

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

static void failed(const char *what) { say("error: %s: %s\n", what, strerror(errno)); }

// MARK: What the guest was told

static uint32_t key_colours[KEYS];
static int32_t absolute[2], relative[2], wheel[2];
static uint32_t width, height;

static uint32_t crc_table[256];

static void make_crc_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xEDB88320 : 0);
        crc_table[i] = value;
    }
}

static uint32_t crc_word(uint32_t crc, uint32_t word, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        crc = crc >> 8 ^ crc_table[(crc ^ word >> shift) & 255];
    return crc;
}

// The words of rows 25 to 31.
static uint32_t words[7];

static void update_words(void) {
    words[0] = (uint32_t)absolute[0] << 16 | (uint32_t)absolute[1];
    words[1] = (uint32_t)relative[0];
    words[2] = (uint32_t)relative[1];
    words[3] = (uint32_t)wheel[0];
    words[4] = (uint32_t)wheel[1];
    words[5] = width << 16 | height;
    uint32_t crc = ~0u;
    for (int i = 0; i < KEYS; i++) crc = crc_word(crc, key_colours[i], 3);
    for (int i = 0; i < 6; i++) crc = crc_word(crc, words[i], 4);
    words[6] = ~crc;
}

static uint32_t cell_colour(uint32_t column, uint32_t row) {
    if (row >= 1 && row <= KEY_ROWS) return key_colours[(row - 1) * CELLS + column];
    uint32_t bits = row == 0 ? MARKER : words[row - 1 - KEY_ROWS];
    bool one = bits >> (31 - column) & 1;
    if (row == 0) return one ? 0xFF00FF : 0x00FF00;
    return one ? 0xFFFFFF : 0;
}

// MARK: The display

static int card = -1;
static uint32_t *pixels;
static uint32_t stride;
static size_t size;
static uint32_t framebuffer;
static bool needs_dirty = true;

// Where the crosshair is.
static int32_t cross[2];

static uint32_t pixel_colour(uint32_t x, uint32_t y) {
    uint32_t column = (x - CORNER) / CELL, row = (y - CORNER) / CELL;
    if (x >= CORNER && y >= CORNER && column < CELLS && row < CELLS) return cell_colour(column, row);
    int32_t dx = (int32_t)x - cross[0], dy = (int32_t)y - cross[1];
    if ((dx == 0 && abs(dy) <= ARM) || (dy == 0 && abs(dx) <= ARM)) return 0xFFFFFF;
    return (x & 255) << 16 | (y & 255) << 8 | ((x ^ y) & 255);
}

static void draw(int32_t left, int32_t top, int32_t right, int32_t bottom) {
    if (left < 0) left = 0;
    if (top < 0) top = 0;
    if (right > (int32_t)width) right = (int32_t)width;
    if (bottom > (int32_t)height) bottom = (int32_t)height;
    for (int32_t y = top; y < bottom; y++)
        for (int32_t x = left; x < right; x++)
            pixels[(uint32_t)y * stride + (uint32_t)x] = pixel_colour((uint32_t)x, (uint32_t)y);
}

// The lines of a crosshair at (x, y), as they are to look now.
static void draw_cross(int32_t x, int32_t y) {
    draw(x - ARM, y, x + ARM + 1, y + 1);
    draw(x, y - ARM, x + 1, y + ARM + 1);
}

static void place_cross(void) {
    cross[0] = (int32_t)((int64_t)absolute[0] * (width - 1) / 32767);
    cross[1] = (int32_t)((int64_t)absolute[1] * (height - 1) / 32767);
}

// MARK: The pointer's plane

enum { POINTER = 64, HOT_X = 5, HOT_Y = 3, POINTER_WIDTH = 20, POINTER_HEIGHT = 28 };
static bool has_pointer, pointer_is_pressed;
static uint32_t pointer_crtc, pointer_handle;
static uint32_t *pointer_pixels;

static void fail_pointer(const char *what) {
    failed(what);
    has_pointer = false;
}

static void draw_pointer(void) {
    for (uint32_t y = 0; y < POINTER; y++)
        for (uint32_t x = 0; x < POINTER; x++) {
            uint32_t across = 12 * x, down = 8 * y, colour = across << 16 | down << 8 | 128;
            if (pointer_is_pressed) colour = down << 16 | across << 8 | 32;
            pointer_pixels[y * POINTER + x] = x < POINTER_WIDTH && y < POINTER_HEIGHT ? 0xFF000000 | colour : 0;
        }
}

// The kernel copies the pixels when it is told of the buffer.
static void tell_pointer(void) {
    if (!has_pointer || !pointer_pixels) return;
    draw_pointer();
    struct drm_mode_cursor2 cursor = {
        .flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .crtc_id = pointer_crtc, .handle = pointer_handle,
        .x = cross[0] - HOT_X, .y = cross[1] - HOT_Y, .width = POINTER, .height = POINTER, .hot_x = HOT_X, .hot_y = HOT_Y,
    };
    if (ioctl(card, DRM_IOCTL_MODE_CURSOR2, &cursor) < 0) fail_pointer("CURSOR2");
}

static void move_pointer(void) {
    if (!has_pointer || !pointer_pixels) return;
    struct drm_mode_cursor2 cursor = {
        .flags = DRM_MODE_CURSOR_MOVE, .crtc_id = pointer_crtc, .x = cross[0] - HOT_X, .y = cross[1] - HOT_Y,
    };
    if (ioctl(card, DRM_IOCTL_MODE_CURSOR2, &cursor) < 0) fail_pointer("CURSOR2");
}

static void make_pointer(uint32_t crtc) {
    if (!has_pointer) return;
    struct drm_mode_create_dumb dumb = {.width = POINTER, .height = POINTER, .bpp = 32};
    if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0) return fail_pointer("CREATE_DUMB of the pointer");
    struct drm_mode_map_dumb map = {.handle = dumb.handle};
    if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0) return fail_pointer("MAP_DUMB of the pointer");
    void *address = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
    if (address == MAP_FAILED) return fail_pointer("mmap of the pointer");
    pointer_pixels = address;
    pointer_handle = dumb.handle;
    pointer_crtc = crtc;
    tell_pointer();
}

// What each cell shows, so that only those are drawn that changed.
static uint32_t shown[CELLS * CELLS];

static void show_changes(void) {
    if (!pixels) return;
    int32_t old[2] = {cross[0], cross[1]};
    place_cross();
    if (cross[0] != old[0] || cross[1] != old[1]) {
        draw_cross(old[0], old[1]);
        draw_cross(cross[0], cross[1]);
        move_pointer();
    }
    bool is_pressed = key_colours[BTN_LEFT] & 128;
    if (is_pressed != pointer_is_pressed) {
        pointer_is_pressed = is_pressed;
        tell_pointer();
    }
    update_words();
    for (uint32_t i = 0; i < CELLS * CELLS; i++) {
        uint32_t colour = cell_colour(i % CELLS, i / CELLS);
        if (colour == shown[i]) continue;
        shown[i] = colour;
        int32_t left = CORNER + (int32_t)(i % CELLS) * CELL, top = CORNER + (int32_t)(i / CELLS) * CELL;
        draw(left, top, left + CELL, top + CELL);
    }
    struct drm_mode_fb_dirty_cmd dirty = {.fb_id = framebuffer};
    if (needs_dirty && ioctl(card, DRM_IOCTL_MODE_DIRTYFB, &dirty) < 0) needs_dirty = false;
}

// What is shown, and where.
static uint32_t shown_connector;
static struct drm_mode_modeinfo shown_mode;

// The connector's preferred mode, or its first.
static bool preferred_mode(uint32_t connector, struct drm_mode_modeinfo *mode) {
    enum { MOST = 128 };
    static struct drm_mode_modeinfo modes[MOST];
    struct drm_mode_get_connector get = {.connector_id = connector};
    // Without room for modes the kernel probes the connector, and tells how many there are.
    if (ioctl(card, DRM_IOCTL_MODE_GETCONNECTOR, &get) < 0) return false;
    uint32_t count = get.count_modes;
    if (!count || count > MOST) return errno = ENODATA, false;
    get = (struct drm_mode_get_connector){
        .connector_id = connector, .modes_ptr = (uintptr_t)modes, .count_modes = count};
    if (ioctl(card, DRM_IOCTL_MODE_GETCONNECTOR, &get) < 0) return false;
    *mode = modes[0];
    for (uint32_t i = 0; i < count && i < get.count_modes; i++) {
        if (!(modes[i].type & DRM_MODE_TYPE_PREFERRED)) continue;
        *mode = modes[i];
        break;
    }
    return true;
}

static void hide(void) {
    if (pixels) munmap(pixels, size);
    pixels = NULL;
    if (pointer_pixels) munmap(pointer_pixels, POINTER * POINTER * 4);
    pointer_pixels = NULL;
    if (card >= 0) close(card);
    card = -1;
}

static bool open_card(void) {
    char path[32];
    for (int i = 0; i < 16 && card < 0; i++) {
        snprintf(path, sizeof path, "/dev/dri/card%d", i);
        card = open(path, O_RDWR | O_CLOEXEC);
    }
    if (card < 0) failed("/dev/dri/card*");
    return card >= 0;
}

static bool show(void) {
    uint32_t crtcs[8], connectors[8], framebuffers[8], encoders[8];
    if (!open_card()) return false;
    struct drm_mode_card_res resources = {
        .crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8,
        .connector_id_ptr = (uintptr_t)connectors, .count_connectors = 8,
        .fb_id_ptr = (uintptr_t)framebuffers, .count_fbs = 8,
        .encoder_id_ptr = (uintptr_t)encoders, .count_encoders = 8,
    };
    if (ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &resources) < 0) return failed("GETRESOURCES"), false;
    if (!resources.count_connectors || !resources.count_crtcs)
        return say("error: the display has no connector\n"), false;

    struct drm_mode_modeinfo mode;
    if (!preferred_mode(connectors[0], &mode)) return failed("GETCONNECTOR"), false;
    int edge = CORNER + CELLS * CELL;
    if (mode.hdisplay < edge || mode.vdisplay < edge)
        return say("error: %ux%u is too small for the board\n", mode.hdisplay, mode.vdisplay), false;

    struct drm_mode_create_dumb dumb = {.width = mode.hdisplay, .height = mode.vdisplay, .bpp = 32};
    if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0) return failed("CREATE_DUMB"), false;
    struct drm_mode_fb_cmd2 add = {
        .width = dumb.width, .height = dumb.height, .pixel_format = DRM_FORMAT_XRGB8888,
        .handles = {dumb.handle}, .pitches = {dumb.pitch},
    };
    if (ioctl(card, DRM_IOCTL_MODE_ADDFB2, &add) < 0) return failed("ADDFB2"), false;
    struct drm_mode_map_dumb map = {.handle = dumb.handle};
    if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0) return failed("MAP_DUMB"), false;
    void *address = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
    if (address == MAP_FAILED) return failed("mmap of the buffer"), false;
    pixels = address;
    size = dumb.size;
    stride = dumb.pitch / 4;
    framebuffer = add.fb_id;
    width = dumb.width, height = dumb.height;
    needs_dirty = true;

    update_words();
    for (uint32_t i = 0; i < CELLS * CELLS; i++) shown[i] = cell_colour(i % CELLS, i / CELLS);
    place_cross();
    draw(0, 0, (int32_t)width, (int32_t)height);
    struct drm_mode_crtc set = {
        .set_connectors_ptr = (uintptr_t)connectors, .count_connectors = 1, .crtc_id = crtcs[0],
        .fb_id = framebuffer, .mode_valid = 1, .mode = mode,
    };
    if (ioctl(card, DRM_IOCTL_MODE_SETCRTC, &set) < 0) return failed("SETCRTC"), false;
    shown_connector = connectors[0];
    shown_mode = mode;
    make_pointer(crtcs[0]);
    say("board %ux%u\n", width, height);
    return true;
}

// MARK: Flips

enum { MAX_BUFFERS = 8 };
static struct {
    uint32_t *pixels, stride, framebuffer;
} buffers[MAX_BUFFERS];

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

// The argument `name=N`, which the kernel passes on as a variable.
static uint32_t number_argument(const char *name, uint32_t otherwise, uint32_t most) {
    const char *text = getenv(name);
    return text ? least((uint32_t)strtoul(text, NULL, 10), most) : otherwise;
}

static bool make_buffer(uint32_t index) {
    struct drm_mode_create_dumb dumb = {.width = width, .height = height, .bpp = 32};
    if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0) return failed("CREATE_DUMB"), false;
    struct drm_mode_fb_cmd2 add = {
        .width = width, .height = height, .pixel_format = DRM_FORMAT_XRGB8888, .handles = {dumb.handle}, .pitches = {dumb.pitch},
    };
    if (ioctl(card, DRM_IOCTL_MODE_ADDFB2, &add) < 0) return failed("ADDFB2"), false;
    struct drm_mode_map_dumb map = {.handle = dumb.handle};
    if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0) return failed("MAP_DUMB"), false;
    void *address = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
    if (address == MAP_FAILED) return failed("mmap of the buffer"), false;
    buffers[index].pixels = address;
    buffers[index].stride = dumb.pitch / 4;
    buffers[index].framebuffer = add.fb_id;
    return true;
}

static void draw_pattern(uint32_t index, uint32_t left, uint32_t top, uint32_t frame) {
    for (uint32_t y = top; y < height; y++)
        for (uint32_t x = left; x < width; x++)
            buffers[index].pixels[y * buffers[index].stride + x] = (x & 255) << 16 | (y & 255) << 8 | ((x ^ y ^ frame) & 255);
}

static void draw_frame(uint32_t index, uint32_t frame) {
    uint32_t box = least(width, height) / 4, block = least(16, width / 32);
    draw_pattern(index, width - box, height - box, frame);
    if (!block) block = 1;
    for (uint32_t y = 0; y < least(2 * block, height); y++) {
        uint32_t bits = y < block ? frame : ~frame;
        for (uint32_t x = 0; x < least(32 * block, width); x++)
            buffers[index].pixels[y * buffers[index].stride + x] = bits >> (31 - x / block) & 1 ? 0xFFFFFF : 0;
    }
}

// A mode of any size: a virtual display cares for nothing else. QEMU's windows make their own size the preferred one.
static void choose_mode(const char *text, struct drm_mode_modeinfo *mode) {
    unsigned w, h;
    if (!text || sscanf(text, "%ux%u", &w, &h) != 2 || w < 32 || h < 32 || w > 8192 || h > 8192) return;
    *mode = (struct drm_mode_modeinfo){
        .hdisplay = w, .hsync_start = w + 8, .hsync_end = w + 16, .htotal = w + 32,
        .vdisplay = h, .vsync_start = h + 1, .vsync_end = h + 2, .vtotal = h + 8,
        .clock = (w + 32) * (h + 8) * 60 / 1000, .vrefresh = 60, .type = DRM_MODE_TYPE_USERDEF,
    };
}

// Shows the frame code, for ever; returns when that fails.
static void flip(uint32_t rate) {
    uint32_t crtcs[8], connectors[8], count = number_argument("buffers", 4, MAX_BUFFERS);
    uint32_t report = number_argument("report", 0, UINT32_MAX);
    if (!count) count = 1;
    if (!open_card()) return;
    struct drm_mode_card_res resources = {
        .crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8, .connector_id_ptr = (uintptr_t)connectors, .count_connectors = 8,
    };
    struct drm_mode_modeinfo mode;
    if (ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &resources) < 0 || !resources.count_connectors || !resources.count_crtcs)
        return failed("GETRESOURCES");
    if (!preferred_mode(connectors[0], &mode)) return failed("GETCONNECTOR");
    choose_mode(getenv("mode"), &mode);
    width = mode.hdisplay, height = mode.vdisplay;
    for (uint32_t i = 0; i < count; i++) {
        if (!make_buffer(i)) return;
        draw_pattern(i, 0, 0, 0);
    }
    draw_frame(0, 0);
    struct drm_mode_crtc set = {
        .set_connectors_ptr = (uintptr_t)connectors, .count_connectors = 1, .crtc_id = crtcs[0],
        .fb_id = buffers[0].framebuffer, .mode_valid = 1, .mode = mode,
    };
    if (ioctl(card, DRM_IOCTL_MODE_SETCRTC, &set) < 0) return failed("SETCRTC");
    say("mode %ux%u buffers %u\nframe 0\n", width, height, count);
    if (!rate) for (;;) pause();

    struct timespec next, now;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (uint32_t frame = 1;; frame++) {
        uint32_t index = frame % count;
        draw_frame(index, frame);
        next.tv_nsec += 1000000000 / (long)rate;
        if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
        clock_gettime(CLOCK_MONOTONIC, &now);
        // A frame that comes late moves those after it.
        if (now.tv_sec > next.tv_sec || (now.tv_sec == next.tv_sec && now.tv_nsec > next.tv_nsec)) next = now;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR) {}
        struct drm_mode_crtc_page_flip page = {.crtc_id = crtcs[0], .fb_id = buffers[index].framebuffer};
        while (ioctl(card, DRM_IOCTL_MODE_PAGE_FLIP, &page) < 0) {
            // The flip before is not through.
            if (errno != EBUSY) return failed("PAGE_FLIP");
            usleep(200);
        }
        if (report && frame % report == 0) say("frame %u\n", frame);
    }
}

// MARK: The monitor

// bochs-drm of Linux 6.12 reads the EDID once, when it is bound. So the EDID is watched where the
// device has it, at the start of BAR 2, and the driver bound anew when another one is there.
static char device[32];
static const volatile uint32_t *registers;
static uint32_t edid[EDID_SIZE / 4];

static bool write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool done = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return done;
}

static void watch_monitor(void) {
    DIR *folder = opendir("/sys/bus/pci/drivers/bochs-drm");
    if (!folder) return failed("/sys/bus/pci/drivers/bochs-drm");
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strchr(entry->d_name, ':')) snprintf(device, sizeof device, "%.31s", entry->d_name);
    closedir(folder);
    // Another driver tells of another monitor by itself.
    if (!device[0]) return;
    char path[96];
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/resource2", device);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return failed(path);
    void *address = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (address == MAP_FAILED) return say("error: the EDID cannot be watched: boot with iomem=relaxed\n");
    registers = address;
    for (int i = 0; i < EDID_SIZE / 4; i++) edid[i] = registers[i];
}

static bool monitor_changed(void) {
    if (!registers) return false;
    uint32_t now[EDID_SIZE / 4];
    uint8_t sum = 0;
    for (int i = 0; i < EDID_SIZE / 4; i++) {
        now[i] = registers[i];
        for (int shift = 0; shift < 32; shift += 8) sum += (uint8_t)(now[i] >> shift);
    }
    // While it is being exchanged there is none, or half of one.
    if (now[0] != 0xFFFFFF00 || now[1] != 0x00FFFFFF || sum) return false;
    if (!memcmp(now, edid, sizeof now)) return false;
    memcpy(edid, now, sizeof now);
    return true;
}

// Whether the connector prefers another size now, as its driver tells.
static bool mode_changed(void) {
    struct drm_mode_modeinfo mode;
    return pixels && !registers && preferred_mode(shown_connector, &mode)
        && (mode.hdisplay != shown_mode.hdisplay || mode.vdisplay != shown_mode.vdisplay);
}

// The outputs after the one that shows the board: only whether they have monitors.
static void watch_outputs(void) {
    enum { MOST = 8 };
    static uint16_t widths[MOST], heights[MOST];
    uint32_t connectors[MOST];
    struct drm_mode_card_res resources = {
        .connector_id_ptr = (uintptr_t)connectors, .count_connectors = MOST};
    if (!pixels || registers || ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &resources) < 0) return;
    for (uint32_t i = 1; i < resources.count_connectors && i < MOST; i++) {
        struct drm_mode_modeinfo mode = {0};
        if (!preferred_mode(connectors[i], &mode)) mode.hdisplay = mode.vdisplay = 0;
        if (mode.hdisplay == widths[i] && mode.vdisplay == heights[i]) continue;
        widths[i] = mode.hdisplay, heights[i] = mode.vdisplay;
        if (widths[i]) say("output %u %ux%u\n", i, widths[i], heights[i]);
        else say("output %u gone\n", i);
    }
}

static void follow_monitor(void) {
    watch_outputs();
    if (mode_changed()) {
        hide();
        show();
    }
    if (!monitor_changed()) return;
    hide();
    if (!write_file("/sys/bus/pci/drivers/bochs-drm/unbind", device)) failed("unbind");
    if (!write_file("/sys/bus/pci/drivers/bochs-drm/bind", device)) failed("bind");
    show();
}

// MARK: Input

struct input {
    int descriptor, number;
    bool is_power_button, is_keyboard, is_absolute, is_relative;
    struct input_absinfo range[2];
};

static struct input inputs[MAX_INPUTS];
static int input_count;

static bool has_bit(int descriptor, int type, int code) {
    uint8_t bits[KEY_CNT / 8] = {0};
    return ioctl(descriptor, EVIOCGBIT(type, sizeof bits), bits) >= 0 && bits[code / 8] >> code % 8 & 1;
}

// Input that comes before its device is read is lost: whoever types looks for the device first.
static void count_inputs(void) {
    uint32_t keyboards = 0, absolutes = 0, relatives = 0;
    for (int i = 0; i < input_count; i++) {
        keyboards += inputs[i].is_keyboard;
        absolutes += inputs[i].is_absolute;
        relatives += inputs[i].is_relative;
    }
    key_colours[KEY_RESERVED] = keyboards << 16 | absolutes << 8 | relatives;
    show_changes();
}

static void open_inputs(void) {
    int count = input_count;
    for (int number = 0; number < MAX_INPUTS && input_count < MAX_INPUTS; number++) {
        bool is_open = false;
        for (int i = 0; i < input_count; i++) is_open |= inputs[i].number == number;
        if (is_open) continue;
        char path[32], name[128] = "";
        snprintf(path, sizeof path, "/dev/input/event%d", number);
        int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (descriptor < 0) continue;
        struct input *input = &inputs[input_count++];
        *input = (struct input){.descriptor = descriptor, .number = number};
        if (ioctl(descriptor, EVIOCGNAME(sizeof name - 1), name) < 0) failed("EVIOCGNAME");
        input->is_power_button = !strcmp(name, "Power Button");
        input->is_keyboard = has_bit(descriptor, EV_KEY, KEY_A);
        input->is_absolute = has_bit(descriptor, EV_ABS, ABS_X);
        input->is_relative = has_bit(descriptor, EV_REL, REL_X);
        for (int axis = 0; axis < 2; axis++) ioctl(descriptor, EVIOCGABS(axis), &input->range[axis]);
        say("input %s\n", name);
    }
    if (input_count != count) count_inputs();
}

// The fingers on the touch screen, by the kernel's slots.
static struct {
    int32_t id, x, y;
    bool has_changed;
} fingers[10];
static int finger;

static void take_touch(const struct input_event *event) {
    if (event->code == ABS_MT_SLOT) finger = event->value;
    if (finger < 0 || finger >= (int)(sizeof fingers / sizeof *fingers)) return;
    if (event->code == ABS_MT_TRACKING_ID) fingers[finger].id = event->value;
    else if (event->code == ABS_MT_POSITION_X) fingers[finger].x = event->value;
    else if (event->code == ABS_MT_POSITION_Y) fingers[finger].y = event->value;
    else return;
    fingers[finger].has_changed = true;
}

static void tell_touches(void) {
    for (int i = 0; i < (int)(sizeof fingers / sizeof *fingers); i++) {
        if (!fingers[i].has_changed) continue;
        fingers[i].has_changed = false;
        if (fingers[i].id < 0) say("touch %d gone\n", i);
        else say("touch %d %d %d\n", i, fingers[i].x, fingers[i].y);
    }
}

static void take(const struct input *input, const struct input_event *event) {
    switch (event->type) {
    case EV_KEY:
        if (input->is_power_button && event->code == KEY_POWER && event->value == 1) {
            say("power button\n");
            if (reboot(RB_POWER_OFF) < 0) failed("power off");
        }
        if (event->code == KEY_RESERVED || event->code >= KEYS || event->value > 1 || event->value < 0) return;
        uint32_t *colour = &key_colours[event->code], presses = *colour >> 16, releases = *colour >> 8 & 255;
        if (event->value) presses = (presses + 1) & 255;
        else releases = (releases + 1) & 255;
        *colour = presses << 16 | releases << 8 | (event->value ? 255 : 64);
        return;
    case EV_REL:
        // Sums wrap around.
        if (event->code == REL_X) relative[0] = (int32_t)((uint32_t)relative[0] + (uint32_t)event->value);
        if (event->code == REL_Y) relative[1] = (int32_t)((uint32_t)relative[1] + (uint32_t)event->value);
        if (event->code == REL_WHEEL) wheel[0] = (int32_t)((uint32_t)wheel[0] + (uint32_t)event->value);
        if (event->code == REL_HWHEEL) wheel[1] = (int32_t)((uint32_t)wheel[1] + (uint32_t)event->value);
        return;
    case EV_ABS:
        take_touch(event);
        if (event->code > ABS_Y) return;
        const struct input_absinfo *range = &input->range[event->code];
        if (range->maximum <= range->minimum) return;
        int64_t value = ((int64_t)event->value - range->minimum) * 32767 / (range->maximum - range->minimum);
        absolute[event->code] = (int32_t)(value < 0 ? 0 : value > 32767 ? 32767 : value);
        return;
    case EV_SYN:
        if (event->code == SYN_REPORT) tell_touches();
        if (event->code == SYN_DROPPED) say("error: the kernel dropped events\n");
        return;
    }
}

// Returns whether the device is still there.
static bool drain(const struct input *input) {
    struct input_event events[64];
    ssize_t length;
    while ((length = read(input->descriptor, events, sizeof events)) > 0)
        for (size_t i = 0; i < (size_t)length / sizeof *events; i++) take(input, &events[i]);
    return length < 0 && (errno == EAGAIN || errno == EINTR);
}

// MARK: The machine

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Loads /modules/PREFIX*.ko in the order of their names.
static void load_modules(const char *prefix) {
    struct dirent **names;
    int count = scandir("/modules", &names, NULL, alphasort);
    if (count < 0) return failed("/modules");
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (strncmp(name, prefix, strlen(prefix))) continue;
        char path[300];
        snprintf(path, sizeof path, "/modules/%s", name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        // Its console would draw on the display, and take of its memory.
        const char *parameters = strstr(name, "drm_kms_helper") ? "fbdev_emulation=0" : "";
        if (file < 0 || syscall(SYS_finit_module, file, parameters, 0) < 0) failed(name);
        if (file >= 0) close(file);
    }
}

// MARK: Drives

enum { MAX_DRIVES = 4 };

static bool has_drive[MAX_DRIVES];

static void look_for_drives(void) {
    for (int number = 0; number < MAX_DRIVES; number++) {
        char path[32], text[17] = "";
        snprintf(path, sizeof path, "/sys/block/sr%d", number);
        bool is_there = !access(path, F_OK);
        if (is_there == has_drive[number]) continue;
        if (is_there) {
            snprintf(path, sizeof path, "/dev/sr%d", number);
            int drive = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
            // Its node comes a little after its folder.
            if (drive < 0) continue;
            if (read(drive, text, sizeof text - 1) < 0) failed(path);
            close(drive);
            for (char *c = text; *c; c++)
                if (*c < ' ' || *c > '~') *c = 0;
        }
        has_drive[number] = is_there;
        say("drive sr%d %s\n", number, is_there ? text : "gone");
    }
}

static void start_machine(void) {
    mkdir("/dev", 0755), mkdir("/proc", 0755), mkdir("/sys", 0755);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    for (int descriptor = 0; console >= 0 && descriptor < 3; descriptor++) dup2(console, descriptor);
    if (console > 2) close(console);
    // Alt+PrintScreen is a key like others here.
    if (!write_file("/proc/sys/kernel/sysrq", "0")) failed("/proc/sys/kernel/sysrq");
    if (reboot(RB_ENABLE_CAD) < 0) failed("Ctrl+Alt+Del");
}

int main(int count, char *arguments[]) {
    const char *sound = NULL;
    // The kernel passes on the words that it does not know.
    for (int i = 1; i < count; i++) {
        const char *word = arguments[i];
        has_pointer |= !strcmp(word, "pointer");
        if (!strcmp(word, "tone") || !strcmp(word, "echo") || !strcmp(word, "marks")) sound = word;
    }
    start_machine();
    make_crc_table();
    for (int i = KEY_RESERVED + 1; i < KEYS; i++) key_colours[i] = 64;
    load_modules("1");
    if (getenv("flips")) {
        flip(number_argument("flips", 60, 1000));
        for (;;) pause();
    }
    watch_monitor();
    show();
    // The others look for devices, and the board need not wait for that.
    signal(SIGCHLD, SIG_IGN);
    pid_t loader = fork();
    if (loader < 0) failed("fork");
    if (loader <= 0) load_modules("2");
    if (loader == 0) _exit(0);
    pid_t player = sound ? fork() : -1;
    if (sound && player < 0) failed("fork");
    if (player == 0) {
        load_modules("3");
        play_sound(sound);
        _exit(1);
    }

    int64_t next_look = 0;
    for (;;) {
        // Devices that come and monitors that change make no event that is waited for.
        if (milliseconds() >= next_look) {
            open_inputs();
            follow_monitor();
            look_for_drives();
            next_look = milliseconds() + POLL_MS;
        }
        struct pollfd waits[MAX_INPUTS];
        for (int i = 0; i < input_count; i++)
            waits[i] = (struct pollfd){.fd = inputs[i].descriptor, .events = POLLIN};
        if (poll(waits, (nfds_t)input_count, POLL_MS) <= 0) continue;
        for (int i = input_count - 1; i >= 0; i--) {
            if (!waits[i].revents || drain(&inputs[i])) continue;
            close(inputs[i].descriptor);
            inputs[i] = inputs[--input_count];
            count_inputs();
        }
        show_changes();
    }
}
