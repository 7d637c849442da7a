// SPDX-License-Identifier: Apache-2.0
//
// A Wayland compositor without a screen, for measuring: it refreshes at an exact rate, and reads the guest's frame number from every
// committed buffer. It composes nothing, so its own work is the same for every client and almost zero.
#ifndef METRONOME_H
#define METRONOME_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server.h>

uint64_t now(void);
void fail(const char *object, const char *cause, const char *remedy) __attribute__((noreturn));

// MARK: pixels and the code in them

// Little-endian XRGB8888 or ARGB8888.
struct picture {
    const uint8_t *data;
    uint32_t width, height, stride;
};

// The place of the guest's picture in a client's buffers, in pixels.
struct place {
    bool found;
    uint32_t x, y;
};

// The guest's mode, which determines the size of the code's blocks (Rig/README.md, "The frame code").
extern uint32_t guest_width, guest_height;

bool code_find(const struct picture *picture, struct place *place);
bool code_read(const struct picture *picture, const struct place *place, uint32_t *number);

// MARK: the log, in memory until the end

void log_commit(uint64_t time, bool known, uint32_t frame, uint64_t reading, uint32_t width, uint32_t height, const char *kind);
void log_refresh(uint64_t due, uint64_t time, bool known, uint32_t frame);
void log_write(const char *path);
// Tells the reader of stdout that the guest is in sight: found TIME WIDTHxHEIGHT X Y.
void log_found(uint64_t time, const struct picture *picture, const struct place *place);

// MARK: surfaces

struct surface;

void compositor_start(struct wl_display *display);
// Shows the commits since the last refresh; `refresh` is the refresh's length in ns.
void compositor_refresh(uint64_t due, uint64_t refresh, uint64_t sequence);
// Sets a call for the surface's next commits, until it is set to NULL.
void surface_on_commit(struct surface *surface, void (*call)(void *), void *data);

// MARK: the rest of the protocols

void shell_start(struct wl_display *display);
void dmabuf_start(struct wl_display *display);
// The picture of a buffer that dmabuf.c made; false for every other buffer.
bool dmabuf_picture(struct wl_resource *buffer, struct picture *picture);
void dmabuf_read_begin(struct wl_resource *buffer);
void dmabuf_read_end(struct wl_resource *buffer);

#endif
