// SPDX-License-Identifier: Apache-2.0
//
// zwp_linux_dmabuf_v1 for linear XRGB8888 and ARGB8888. A buffer is mapped, not imported, because only its code is needed.
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux-dmabuf-unstable-v1.h"
#include "metronome.h"

enum { xrgb8888 = 0x34325258, argb8888 = 0x34325241 };

struct mapped {
    int fd;
    void *start;
    size_t size;
    struct picture picture;
};

struct parameters {
    int fd;
    uint32_t offset, stride;
};

static void destroy(struct wl_client *client, struct wl_resource *resource) {
    (void)client;
    wl_resource_destroy(resource);
}

static const struct wl_buffer_interface buffer = {destroy};

static void buffer_gone(struct wl_resource *resource) {
    struct mapped *m = wl_resource_get_user_data(resource);
    munmap(m->start, m->size);
    close(m->fd);
    free(m);
}

static void add(struct wl_client *client, struct wl_resource *resource, int32_t fd, uint32_t plane, uint32_t offset, uint32_t stride,
                uint32_t modifier_high, uint32_t modifier_low) {
    (void)client, (void)modifier_high, (void)modifier_low;
    struct parameters *p = wl_resource_get_user_data(resource);
    if (plane || p->fd >= 0) {
        close(fd);
        return;
    }
    *p = (struct parameters){fd, offset, stride};
}

// Takes the descriptor out of the parameters. NULL when it cannot be mapped, or when the picture lies outside of it.
static struct mapped *map(struct parameters *p, int32_t width, int32_t height, uint32_t format) {
    off_t size = p->fd < 0 ? -1 : lseek(p->fd, 0, SEEK_END);
    struct mapped *m = calloc(1, sizeof *m);
    if (!m || size <= 0 || (format != xrgb8888 && format != argb8888) || width < 1 || height < 1 || width > 16384 || height > 16384 ||
        p->stride < (uint32_t)width * 4 || (uint64_t)p->offset + (uint64_t)p->stride * (uint32_t)height > (uint64_t)size) {
        free(m);
        return NULL;
    }
    void *start = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, p->fd, 0);
    if (start == MAP_FAILED) {
        free(m);
        return NULL;
    }
    *m = (struct mapped){p->fd, start, (size_t)size, {(uint8_t *)start + p->offset, (uint32_t)width, (uint32_t)height, p->stride}};
    p->fd = -1;
    return m;
}

static struct wl_resource *buffer_of(struct wl_client *client, uint32_t id, struct mapped *m) {
    struct wl_resource *made = wl_resource_create(client, &wl_buffer_interface, 1, id);
    wl_resource_set_implementation(made, &buffer, m, buffer_gone);
    return made;
}

static void create(struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height, uint32_t format, uint32_t flags) {
    (void)flags;
    struct mapped *m = map(wl_resource_get_user_data(resource), width, height, format);
    if (m) zwp_linux_buffer_params_v1_send_created(resource, buffer_of(client, 0, m));
    else zwp_linux_buffer_params_v1_send_failed(resource);
}

static void create_immediately(struct wl_client *client, struct wl_resource *resource, uint32_t id, int32_t width, int32_t height,
                               uint32_t format, uint32_t flags) {
    (void)flags;
    struct mapped *m = map(wl_resource_get_user_data(resource), width, height, format);
    if (m) buffer_of(client, id, m);
    else wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER, "cannot be mapped");
}

static const struct zwp_linux_buffer_params_v1_interface parameters = {
    .destroy = destroy, .add = add, .create = create, .create_immed = create_immediately,
};

static void parameters_gone(struct wl_resource *resource) {
    struct parameters *p = wl_resource_get_user_data(resource);
    if (p->fd >= 0) close(p->fd);
    free(p);
}

static void create_parameters(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    struct parameters *p = calloc(1, sizeof *p);
    if (!p) fail("dma-buf", "no memory", "give the rig more: --mem");
    p->fd = -1;
    wl_resource_set_implementation(
        wl_resource_create(client, &zwp_linux_buffer_params_v1_interface, wl_resource_get_version(resource), id), &parameters, p,
        parameters_gone);
}

static const struct zwp_linux_dmabuf_v1_interface dmabuf = {.destroy = destroy, .create_params = create_parameters};

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    struct wl_resource *resource = wl_resource_create(client, &zwp_linux_dmabuf_v1_interface, (int)version, id);
    wl_resource_set_implementation(resource, &dmabuf, NULL, NULL);
    const uint32_t formats[] = {xrgb8888, argb8888};
    for (int i = 0; i < 2; i++) {
        zwp_linux_dmabuf_v1_send_format(resource, formats[i]);
        if (version >= ZWP_LINUX_DMABUF_V1_MODIFIER_SINCE_VERSION) zwp_linux_dmabuf_v1_send_modifier(resource, formats[i], 0, 0);
    }
}

void dmabuf_start(struct wl_display *display) { wl_global_create(display, &zwp_linux_dmabuf_v1_interface, 3, NULL, bind); }

static struct mapped *mapped_of(struct wl_resource *resource) {
    return wl_resource_instance_of(resource, &wl_buffer_interface, &buffer) ? wl_resource_get_user_data(resource) : NULL;
}

bool dmabuf_picture(struct wl_resource *resource, struct picture *picture) {
    struct mapped *m = mapped_of(resource);
    if (m) *picture = m->picture;
    return m;
}

static void synchronise(struct wl_resource *resource, uint64_t flags) {
    struct mapped *m = mapped_of(resource);
    struct dma_buf_sync sync = {flags | DMA_BUF_SYNC_READ};
    if (m) ioctl(m->fd, DMA_BUF_IOCTL_SYNC, &sync);
}

void dmabuf_read_begin(struct wl_resource *resource) { synchronise(resource, DMA_BUF_SYNC_START); }
void dmabuf_read_end(struct wl_resource *resource) { synchronise(resource, DMA_BUF_SYNC_END); }
