// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <time.h>

#include "metronome.h"
#include "presentation-time.h"

// A client's wl_buffer, which it may destroy at any time.
struct hold {
    struct wl_resource *buffer;
    struct wl_listener destroyed;
};

struct surface {
    struct wl_resource *resource;
    struct wl_list link;
    // The attached buffer, which is not committed.
    struct hold attached;
    bool attaches;
    struct wl_list callbacks, feedback;
    // The committed buffer, for the next refresh.
    struct hold ready;
    bool waits;
    struct wl_list ready_callbacks, ready_feedback;
    // The buffer that is shown.
    struct hold shown;
    bool known, shown_known;
    uint32_t frame, shown_frame;
    // The place of the code in buffers of this size.
    struct place place;
    uint32_t width, height, searches;
    void (*on_commit)(void *);
    void *on_commit_data;
};

static struct wl_list surfaces;
static struct wl_display *display;

static void hold_destroyed(struct wl_listener *listener, void *data) {
    (void)data;
    struct hold *hold = wl_container_of(listener, hold, destroyed);
    hold->buffer = NULL;
    wl_list_remove(&listener->link);
    wl_list_init(&listener->link);
}

static void hold_set(struct hold *hold, struct wl_resource *buffer) {
    if (hold->buffer) wl_list_remove(&hold->destroyed.link);
    hold->buffer = buffer;
    hold->destroyed.notify = hold_destroyed;
    if (buffer) wl_resource_add_destroy_listener(buffer, &hold->destroyed);
}

static void hold_release(struct hold *hold, const struct hold *unless) {
    if (hold->buffer && hold->buffer != unless->buffer) wl_buffer_send_release(hold->buffer);
    hold_set(hold, NULL);
}

static void unlink_resource(struct wl_resource *resource) { wl_list_remove(wl_resource_get_link(resource)); }

static void drop_all(struct wl_list *list) {
    struct wl_resource *resource, *next;
    wl_resource_for_each_safe(resource, next, list) wl_resource_destroy(resource);
}

// MARK: the probe

// A search costs milliseconds, so a surface that never shows the guest (a menu, a shadow) is given
// up.
enum { searches_at_most = 200 };

static void probe(struct surface *s) {
    uint64_t time = now();
    struct picture picture;
    struct wl_resource *buffer = s->ready.buffer;
    struct wl_shm_buffer *shm = wl_shm_buffer_get(buffer);
    bool dmabuf = !shm && dmabuf_picture(buffer, &picture);
    s->known = false;
    if (shm)
        picture = (struct picture){wl_shm_buffer_get_data(shm), (uint32_t)wl_shm_buffer_get_width(shm),
                                   (uint32_t)wl_shm_buffer_get_height(shm), (uint32_t)wl_shm_buffer_get_stride(shm)};
    else if (!dmabuf) return;
    if (picture.width != s->width || picture.height != s->height) {
        s->width = picture.width;
        s->height = picture.height;
        s->place.found = false;
        s->searches = 0;
    }
    if (shm) wl_shm_buffer_begin_access(shm);
    else dmabuf_read_begin(buffer);
    if (s->place.found) s->known = code_read(&picture, &s->place, &s->frame);
    else if (s->searches++ < searches_at_most && code_find(&picture, &s->place)) {
        s->known = code_read(&picture, &s->place, &s->frame);
        log_found(time, &picture, &s->place);
    }
    if (shm) wl_shm_buffer_end_access(shm);
    else dmabuf_read_end(buffer);
    if (s->place.found) log_commit(time, s->known, s->frame, now() - time, s->width, s->height, shm ? "shm" : "dmabuf");
}

// MARK: wl_surface

static void surface_destroy(struct wl_client *client, struct wl_resource *resource) {
    (void)client;
    wl_resource_destroy(resource);
}

static void surface_attach(struct wl_client *client, struct wl_resource *resource, struct wl_resource *buffer, int32_t x, int32_t y) {
    (void)client, (void)x, (void)y;
    struct surface *s = wl_resource_get_user_data(resource);
    hold_set(&s->attached, buffer);
    s->attaches = true;
}

static void ignore4(struct wl_client *client, struct wl_resource *resource, int32_t a, int32_t b, int32_t c, int32_t d) {
    (void)client, (void)resource, (void)a, (void)b, (void)c, (void)d;
}

static void ignore2(struct wl_client *client, struct wl_resource *resource, int32_t a, int32_t b) {
    (void)client, (void)resource, (void)a, (void)b;
}

static void ignore1(struct wl_client *client, struct wl_resource *resource, int32_t a) { (void)client, (void)resource, (void)a; }

static void ignore_object(struct wl_client *client, struct wl_resource *resource, struct wl_resource *object) {
    (void)client, (void)resource, (void)object;
}

static void ignore(struct wl_client *client, struct wl_resource *resource) { (void)client, (void)resource; }

static void surface_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    struct surface *s = wl_resource_get_user_data(resource);
    struct wl_resource *callback = wl_resource_create(client, &wl_callback_interface, 1, id);
    wl_resource_set_implementation(callback, NULL, NULL, unlink_resource);
    wl_list_insert(s->callbacks.prev, wl_resource_get_link(callback));
}

static void discard(struct wl_list *feedback) {
    struct wl_resource *one, *next;
    wl_resource_for_each_safe(one, next, feedback) {
        wp_presentation_feedback_send_discarded(one);
        wl_resource_destroy(one);
    }
}

static void surface_commit(struct wl_client *client, struct wl_resource *resource) {
    (void)client;
    struct surface *s = wl_resource_get_user_data(resource);
    if (s->attaches) {
        if (s->waits) hold_release(&s->ready, s->ready.buffer == s->attached.buffer ? &s->attached : &s->shown);
        discard(&s->ready_feedback);
        hold_set(&s->ready, s->attached.buffer);
        hold_set(&s->attached, NULL);
        s->attaches = false;
        s->waits = true;
        if (s->ready.buffer) probe(s);
        else s->known = false;
    }
    wl_list_insert_list(s->ready_callbacks.prev, &s->callbacks);
    wl_list_init(&s->callbacks);
    wl_list_insert_list(s->ready_feedback.prev, &s->feedback);
    wl_list_init(&s->feedback);
    if (s->on_commit) s->on_commit(s->on_commit_data);
}

static const struct wl_surface_interface surface = {
    .destroy = surface_destroy, .attach = surface_attach, .damage = ignore4, .frame = surface_frame,
    .set_opaque_region = ignore_object, .set_input_region = ignore_object, .commit = surface_commit,
    .set_buffer_transform = ignore1, .set_buffer_scale = ignore1, .damage_buffer = ignore4,
};

static void surface_gone(struct wl_resource *resource) {
    struct surface *s = wl_resource_get_user_data(resource);
    hold_set(&s->attached, NULL);
    hold_release(&s->ready, &s->shown);
    hold_release(&s->shown, &s->ready);
    drop_all(&s->callbacks);
    drop_all(&s->ready_callbacks);
    drop_all(&s->feedback);
    drop_all(&s->ready_feedback);
    wl_list_remove(&s->link);
    free(s);
}

void surface_on_commit(struct surface *s, void (*call)(void *), void *data) {
    s->on_commit = call;
    s->on_commit_data = data;
}

// MARK: wl_compositor

static void create_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    struct surface *s = calloc(1, sizeof *s);
    if (!s) fail("surface", "no memory", "give the rig more: --mem");
    s->resource = wl_resource_create(client, &wl_surface_interface, wl_resource_get_version(resource), id);
    wl_list_init(&s->callbacks);
    wl_list_init(&s->ready_callbacks);
    wl_list_init(&s->feedback);
    wl_list_init(&s->ready_feedback);
    wl_list_insert(&surfaces, &s->link);
    wl_resource_set_implementation(s->resource, &surface, s, surface_gone);
}

static void region_destroy(struct wl_client *client, struct wl_resource *resource) {
    (void)client;
    wl_resource_destroy(resource);
}

static const struct wl_region_interface region = {.destroy = region_destroy, .add = ignore4, .subtract = ignore4};

static void create_region(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    (void)resource;
    wl_resource_set_implementation(wl_resource_create(client, &wl_region_interface, 1, id), &region, NULL, NULL);
}

static const struct wl_compositor_interface compositor = {create_surface, create_region};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    wl_resource_set_implementation(wl_resource_create(client, &wl_compositor_interface, (int)version, id), &compositor, NULL, NULL);
}

// MARK: wl_subcompositor: a subsurface is a surface, its commits count at once

static const struct wl_subsurface_interface subsurface = {
    .destroy = region_destroy, .set_position = ignore2, .place_above = ignore_object, .place_below = ignore_object,
    .set_sync = ignore, .set_desync = ignore,
};

static void get_subsurface(struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *surface,
                           struct wl_resource *parent) {
    (void)resource, (void)surface, (void)parent;
    wl_resource_set_implementation(wl_resource_create(client, &wl_subsurface_interface, 1, id), &subsurface, NULL, NULL);
}

static const struct wl_subcompositor_interface subcompositor = {region_destroy, get_subsurface};

static void bind_subcompositor(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    wl_resource_set_implementation(wl_resource_create(client, &wl_subcompositor_interface, (int)version, id), &subcompositor, NULL, NULL);
}

// MARK: wp_presentation

static void get_feedback(struct wl_client *client, struct wl_resource *resource, struct wl_resource *target, uint32_t id) {
    struct surface *s = wl_resource_get_user_data(target);
    struct wl_resource *one = wl_resource_create(client, &wp_presentation_feedback_interface, wl_resource_get_version(resource), id);
    wl_resource_set_implementation(one, NULL, NULL, unlink_resource);
    wl_list_insert(s->feedback.prev, wl_resource_get_link(one));
}

static const struct wp_presentation_interface presentation = {region_destroy, get_feedback};

static void bind_presentation(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    struct wl_resource *resource = wl_resource_create(client, &wp_presentation_interface, (int)version, id);
    wl_resource_set_implementation(resource, &presentation, NULL, NULL);
    wp_presentation_send_clock_id(resource, CLOCK_MONOTONIC);
}

// MARK: refresh

void compositor_refresh(uint64_t due, uint64_t refresh, uint64_t sequence) {
    uint64_t time = now();
    struct surface *s;
    struct wl_resource *one, *next;
    wl_list_for_each(s, &surfaces, link) {
        if (s->waits) {
            hold_release(&s->shown, &s->ready);
            hold_set(&s->shown, s->ready.buffer);
            hold_set(&s->ready, NULL);
            s->waits = false;
            s->shown_known = s->known;
            s->shown_frame = s->frame;
        }
        if (s->place.found) log_refresh(due, time, s->shown_known, s->shown_frame);
        wl_resource_for_each_safe(one, next, &s->ready_feedback) {
            uint64_t seconds = due / 1000000000u;
            wp_presentation_feedback_send_presented(one, (uint32_t)(seconds >> 32), (uint32_t)seconds, (uint32_t)(due % 1000000000u),
                                                    (uint32_t)refresh, (uint32_t)(sequence >> 32), (uint32_t)sequence,
                                                    WP_PRESENTATION_FEEDBACK_KIND_VSYNC);
            wl_resource_destroy(one);
        }
        wl_resource_for_each_safe(one, next, &s->ready_callbacks) {
            wl_callback_send_done(one, (uint32_t)(time / 1000000u));
            wl_resource_destroy(one);
        }
    }
    wl_display_flush_clients(display);
}

void compositor_start(struct wl_display *of) {
    display = of;
    wl_list_init(&surfaces);
    wl_global_create(of, &wl_compositor_interface, 4, NULL, bind_compositor);
    wl_global_create(of, &wl_subcompositor_interface, 1, NULL, bind_subcompositor);
    wl_global_create(of, &wp_presentation_interface, 1, NULL, bind_presentation);
}
