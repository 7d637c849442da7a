// SPDX-License-Identifier: Apache-2.0
//
// As much of xdg-shell as a window needs: every window gets the size that it asks for. The seat has neither
// keyboard nor mouse.
#include <stdlib.h>

#include "metronome.h"
#include "xdg-shell.h"

struct window {
    struct wl_resource *xdg_surface, *toplevel;
    bool configured;
};

static void destroy(struct wl_client *client, struct wl_resource *resource) {
    (void)client;
    wl_resource_destroy(resource);
}

static void ignore(struct wl_client *c, struct wl_resource *r) { (void)c, (void)r; }
static void ignore_text(struct wl_client *c, struct wl_resource *r, const char *t) { (void)c, (void)r, (void)t; }
static void ignore_object(struct wl_client *c, struct wl_resource *r, struct wl_resource *o) { (void)c, (void)r, (void)o; }
static void ignore_number(struct wl_client *c, struct wl_resource *r, uint32_t n) { (void)c, (void)r, (void)n; }
static void ignore2(struct wl_client *c, struct wl_resource *r, int32_t a, int32_t b) { (void)c, (void)r, (void)a, (void)b; }
static void ignore4(struct wl_client *c, struct wl_resource *r, int32_t a, int32_t b, int32_t d, int32_t e) {
    (void)c, (void)r, (void)a, (void)b, (void)d, (void)e;
}
static void ignore_menu(struct wl_client *c, struct wl_resource *r, struct wl_resource *s, uint32_t n, int32_t x, int32_t y) {
    (void)c, (void)r, (void)s, (void)n, (void)x, (void)y;
}
static void ignore_seat(struct wl_client *c, struct wl_resource *r, struct wl_resource *s, uint32_t n) { (void)c, (void)r, (void)s, (void)n; }
static void ignore_resize(struct wl_client *c, struct wl_resource *r, struct wl_resource *s, uint32_t n, uint32_t edge) {
    (void)c, (void)r, (void)s, (void)n, (void)edge;
}

static const struct xdg_toplevel_interface toplevel = {
    .destroy = destroy, .set_parent = ignore_object, .set_title = ignore_text, .set_app_id = ignore_text,
    .show_window_menu = ignore_menu, .move = ignore_seat, .resize = ignore_resize, .set_max_size = ignore2, .set_min_size = ignore2,
    .set_maximized = ignore, .unset_maximized = ignore, .set_fullscreen = ignore_object, .unset_fullscreen = ignore,
    .set_minimized = ignore,
};

// The first commit, without a buffer, asks for this.
static void configure(void *data) {
    struct window *window = data;
    if (window->configured || !window->toplevel) return;
    window->configured = true;
    struct wl_array states;
    wl_array_init(&states);
    uint32_t *state = wl_array_add(&states, sizeof *state);
    if (state) *state = XDG_TOPLEVEL_STATE_ACTIVATED;
    xdg_toplevel_send_configure(window->toplevel, 0, 0, &states);
    wl_array_release(&states);
    xdg_surface_send_configure(window->xdg_surface, 1);
}

static void toplevel_gone(struct wl_resource *resource) {
    struct window *window = wl_resource_get_user_data(resource);
    window->toplevel = NULL;
}

static void get_toplevel(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    struct window *window = wl_resource_get_user_data(resource);
    window->toplevel = wl_resource_create(client, &xdg_toplevel_interface, wl_resource_get_version(resource), id);
    wl_resource_set_implementation(window->toplevel, &toplevel, window, toplevel_gone);
}

static const struct xdg_popup_interface popup = {.destroy = destroy, .grab = ignore_seat};

// Menus and tooltips are never configured, so they are never shown.
static void get_popup(struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *parent,
                      struct wl_resource *positioner) {
    (void)parent, (void)positioner;
    wl_resource_set_implementation(wl_resource_create(client, &xdg_popup_interface, wl_resource_get_version(resource), id), &popup, NULL, NULL);
}

static const struct xdg_surface_interface xdg_surface = {
    .destroy = destroy, .get_toplevel = get_toplevel, .get_popup = get_popup, .set_window_geometry = ignore4, .ack_configure = ignore_number,
};

// The surface and the toplevel may outlive this object, so it is never freed; there are few
// windows.
static void get_xdg_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *surface) {
    struct window *window = calloc(1, sizeof *window);
    if (!window) fail("window", "no memory", "give the rig more: --mem");
    window->xdg_surface = wl_resource_create(client, &xdg_surface_interface, wl_resource_get_version(resource), id);
    wl_resource_set_implementation(window->xdg_surface, &xdg_surface, window, NULL);
    surface_on_commit(wl_resource_get_user_data(surface), configure, window);
}

static const struct xdg_positioner_interface positioner = {
    .destroy = destroy, .set_size = ignore2, .set_anchor_rect = ignore4, .set_anchor = ignore_number, .set_gravity = ignore_number,
    .set_constraint_adjustment = ignore_number, .set_offset = ignore2,
};

static void create_positioner(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    wl_resource_set_implementation(
        wl_resource_create(client, &xdg_positioner_interface, wl_resource_get_version(resource), id), &positioner, NULL, NULL);
}

static const struct xdg_wm_base_interface wm_base = {
    .destroy = destroy, .create_positioner = create_positioner, .get_xdg_surface = get_xdg_surface, .pong = ignore_number,
};

static void bind_wm_base(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    wl_resource_set_implementation(wl_resource_create(client, &xdg_wm_base_interface, (int)version, id), &wm_base, NULL, NULL);
}

// MARK: the clipboard, which GTK insists on

static void offer(struct wl_client *c, struct wl_resource *r, const char *type) { (void)c, (void)r, (void)type; }
static const struct wl_data_source_interface source = {.offer = offer, .destroy = destroy, .set_actions = ignore_number};

static void create_source(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    wl_resource_set_implementation(
        wl_resource_create(client, &wl_data_source_interface, wl_resource_get_version(resource), id), &source, NULL, NULL);
}

static void start_drag(struct wl_client *c, struct wl_resource *r, struct wl_resource *from, struct wl_resource *origin,
                       struct wl_resource *icon, uint32_t serial) {
    (void)c, (void)r, (void)from, (void)origin, (void)icon, (void)serial;
}
static const struct wl_data_device_interface device = {.start_drag = start_drag, .set_selection = ignore_seat, .release = destroy};

static void get_device(struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *seat) {
    (void)seat;
    wl_resource_set_implementation(
        wl_resource_create(client, &wl_data_device_interface, wl_resource_get_version(resource), id), &device, NULL, NULL);
}

static const struct wl_data_device_manager_interface manager = {create_source, get_device};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    wl_resource_set_implementation(
        wl_resource_create(client, &wl_data_device_manager_interface, (int)version, id), &manager, NULL, NULL);
}

// MARK: wl_seat

static void get_nothing(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
    (void)client, (void)id;
    wl_resource_post_error(resource, WL_SEAT_ERROR_MISSING_CAPABILITY, "there is none");
}
static const struct wl_seat_interface seat = {get_nothing, get_nothing, get_nothing, destroy};

static void bind_seat(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    struct wl_resource *resource = wl_resource_create(client, &wl_seat_interface, (int)version, id);
    wl_resource_set_implementation(resource, &seat, NULL, NULL);
    wl_seat_send_capabilities(resource, 0);
    if (version >= WL_SEAT_NAME_SINCE_VERSION) wl_seat_send_name(resource, "none");
}

void shell_start(struct wl_display *display) {
    wl_global_create(display, &xdg_wm_base_interface, 1, NULL, bind_wm_base);
    wl_global_create(display, &wl_seat_interface, 5, NULL, bind_seat);
    wl_global_create(display, &wl_data_device_manager_interface, 3, NULL, bind_manager);
}
