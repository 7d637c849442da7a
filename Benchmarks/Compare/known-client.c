// SPDX-License-Identifier: Apache-2.0
//
// A Wayland client that commits frames whose numbers are known, for Compare/selftest: the guest's picture at (13, 29) of a larger window.
//
//   known-client WxH FRAMES     prints, for every commit, `frame N`, or `torn` when the code's two rows do not fit
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-client.h>

#include "xdg-shell-client.h"

enum { left = 13, top = 29, buffers = 4 };

static struct wl_compositor *compositor;
static struct wl_shm *shm;
static struct xdg_wm_base *shell;
static int drawn_on[buffers], configured, called;

static void global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version) {
    (void)data, (void)version;
    if (!strcmp(interface, "wl_compositor")) compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
    if (!strcmp(interface, "wl_shm")) shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
    if (!strcmp(interface, "xdg_wm_base")) shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
}
static void global_gone(void *data, struct wl_registry *registry, uint32_t name) { (void)data, (void)registry, (void)name; }
static const struct wl_registry_listener registry_listener = {global, global_gone};

static void configure(void *data, struct xdg_surface *surface, uint32_t serial) {
    (void)data;
    xdg_surface_ack_configure(surface, serial);
    configured = 1;
}
static const struct xdg_surface_listener surface_listener = {configure};

static void released(void *data, struct wl_buffer *buffer) {
    (void)buffer;
    *(int *)data = 0;
}
static const struct wl_buffer_listener buffer_listener = {released};

static void done(void *data, struct wl_callback *callback, uint32_t time) {
    (void)data, (void)time;
    wl_callback_destroy(callback);
    called = 1;
}
static const struct wl_callback_listener callback_listener = {done};

// A second implementation of Rig/README.md, "The frame code".
static void draw(uint32_t *pixels, uint32_t stride, uint32_t width, uint32_t height, uint32_t number, int torn) {
    uint32_t block = width / 32 < 1 ? 1 : width / 32 > 16 ? 16 : width / 32;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t colour = (x & 255) << 16 | (y & 255) << 8 | ((x ^ y) & 255);
            if (y < 2 * block && x < 32 * block) {
                uint32_t bits = y < block ? number : torn ? ~number ^ 1 : ~number;
                colour = bits >> (31 - x / block) & 1 ? 0xFFFFFF : 0;
            }
            pixels[(y + top) * stride + x + left] = 0xFF000000u | colour;
        }
}

static void need(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "known-client: %s failed\n", what);
    exit(1);
}

int main(int argc, char **argv) {
    uint32_t width, height;
    need(argc == 3 && sscanf(argv[1], "%ux%u", &width, &height) == 2, "reading the arguments");
    uint32_t frames = (uint32_t)atoi(argv[2]), stride = width + 40, lines = height + 60, size = stride * lines * 4;

    struct wl_display *display = wl_display_connect(NULL);
    need(display != NULL, "wl_display_connect");
    wl_registry_add_listener(wl_display_get_registry(display), &registry_listener, NULL);
    wl_display_roundtrip(display);
    need(compositor && shm && shell, "finding the globals");
    struct wl_surface *surface = wl_compositor_create_surface(compositor);
    struct xdg_surface *window = xdg_wm_base_get_xdg_surface(shell, surface);
    xdg_surface_add_listener(window, &surface_listener, NULL);
    xdg_surface_get_toplevel(window);
    wl_surface_commit(surface);
    while (!configured) need(wl_display_dispatch(display) >= 0, "wl_display_dispatch");

    int fd = memfd_create("frames", MFD_CLOEXEC);
    need(fd >= 0 && !ftruncate(fd, (off_t)size * buffers), "memfd_create");
    uint32_t *memory = mmap(NULL, (size_t)size * buffers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    need(memory != MAP_FAILED, "mmap");
    struct wl_shm_pool *pool = wl_shm_create_pool(shm, fd, (int32_t)(size * buffers));
    struct wl_buffer *made[buffers];
    for (int i = 0; i < buffers; i++) {
        made[i] = wl_shm_pool_create_buffer(pool, (int32_t)(size * (uint32_t)i), (int32_t)stride, (int32_t)lines, (int32_t)stride * 4,
                                            WL_SHM_FORMAT_XRGB8888);
        wl_buffer_add_listener(made[i], &buffer_listener, &drawn_on[i]);
    }

    for (uint32_t i = 0; i < frames; i++) {
        int at = 0;
        while (drawn_on[at])
            if (++at == buffers) at = 0, need(wl_display_dispatch(display) >= 0, "wl_display_dispatch");
        // The numbers have high bits too, some are left out, and every tenth one is torn; every third refresh gets two commits.
        uint32_t number = i * 0x01000193u + 5, torn = i % 10 == 9;
        draw(memory + (size_t)size / 4 * (size_t)at, stride, width, height, number, (int)torn);
        drawn_on[at] = 1;
        wl_surface_attach(surface, made[at], 0, 0);
        wl_surface_damage(surface, 0, 0, (int32_t)stride, (int32_t)lines);
        called = i % 3 == 0;
        if (!called) wl_callback_add_listener(wl_surface_frame(surface), &callback_listener, NULL);
        wl_surface_commit(surface);
        if (torn) puts("torn");
        else printf("frame %u\n", number);
        while (!called) need(wl_display_dispatch(display) >= 0, "wl_display_dispatch");
    }
    need(wl_display_roundtrip(display) >= 0, "wl_display_roundtrip");
    return 0;
}
