// SPDX-License-Identifier: Apache-2.0
//
// libwayland's client side and wl_egl_window.

#ifndef CWAYLAND_H
#define CWAYLAND_H

#include <stdint.h>
#include <string.h>
#include <wayland-client.h>
#include <wayland-egl.h>

// Binds the global when it is wl_subcompositor, else returns NULL. libwayland keeps the address of
// the interface's description, which Swift would pass a copy of.
static inline struct wl_subcompositor *vgpu_wl_bind_subcompositor(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, wl_subcompositor_interface.name) != 0) return NULL;
  return (struct wl_subcompositor *)wl_registry_bind(
      registry, name, &wl_subcompositor_interface, 1);
}

// Binds the global when it is wl_compositor in version 4 or newer, else returns NULL. GDK 3 binds version
// 3, whose surfaces cannot name a damage in the buffer's pixels.
static inline struct wl_compositor *vgpu_wl_bind_compositor(
    struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version) {
  if (strcmp(interface, wl_compositor_interface.name) != 0 || version < 4) return NULL;
  return (struct wl_compositor *)wl_registry_bind(registry, name, &wl_compositor_interface, 4);
}

// Binds the global when it is wl_shm, else returns NULL.
static inline struct wl_shm *vgpu_wl_bind_shm(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, wl_shm_interface.name) != 0) return NULL;
  return (struct wl_shm *)wl_registry_bind(registry, name, &wl_shm_interface, 1);
}

// Makes an object that has no children yet deliver its events to a queue.
static inline void vgpu_wl_move_to_queue(void *proxy, struct wl_event_queue *queue) {
  wl_proxy_set_queue((struct wl_proxy *)proxy, queue);
}

// Makes a proxy's new objects deliver their events to a queue.
static inline void vgpu_wl_set_queue(struct wl_display *wrapper, struct wl_event_queue *queue) {
  wl_proxy_set_queue((struct wl_proxy *)wrapper, queue);
}

// A copy of the display's proxy, to be released with vgpu_wl_release_wrapper.
static inline struct wl_display *vgpu_wl_wrap(struct wl_display *display) {
  return (struct wl_display *)wl_proxy_create_wrapper(display);
}
static inline void vgpu_wl_release_wrapper(struct wl_display *wrapper) {
  wl_proxy_wrapper_destroy(wrapper);
}

#endif
