// SPDX-License-Identifier: Apache-2.0
//
// Wayland protocols that libwayland does not bring, made by Scripts/wayland-protocols; and how to
// bind their globals: libwayland keeps the address of an interface's description, which Swift would
// pass a copy of.

#ifndef CWAYLANDPROTOCOLS_H
#define CWAYLANDPROTOCOLS_H

#include <string.h>

#include "fractional-scale-v1-protocol.h"
#include "idle-inhibit-unstable-v1-protocol.h"
#include "linux-dmabuf-unstable-v1-protocol.h"
#include "pointer-constraints-unstable-v1-protocol.h"
#include "presentation-time-protocol.h"
#include "relative-pointer-unstable-v1-protocol.h"
#include "viewporter-protocol.h"

// Binds the global when it is zwp_pointer_constraints_v1, else returns NULL.
static inline struct zwp_pointer_constraints_v1 *vgpu_wl_bind_pointer_constraints(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, zwp_pointer_constraints_v1_interface.name) != 0) return NULL;
  return (struct zwp_pointer_constraints_v1 *)wl_registry_bind(
      registry, name, &zwp_pointer_constraints_v1_interface, 1);
}

// Binds the global when it is zwp_relative_pointer_manager_v1, else returns NULL.
static inline struct zwp_relative_pointer_manager_v1 *vgpu_wl_bind_relative_pointers(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, zwp_relative_pointer_manager_v1_interface.name) != 0) return NULL;
  return (struct zwp_relative_pointer_manager_v1 *)wl_registry_bind(
      registry, name, &zwp_relative_pointer_manager_v1_interface, 1);
}

// Binds the global when it is wp_presentation, else returns NULL.
static inline struct wp_presentation *vgpu_wl_bind_presentation(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, wp_presentation_interface.name) != 0) return NULL;
  return (struct wp_presentation *)wl_registry_bind(registry, name, &wp_presentation_interface, 1);
}

// Binds the global when it is zwp_idle_inhibit_manager_v1, else returns NULL.
static inline struct zwp_idle_inhibit_manager_v1 *vgpu_wl_bind_idle_inhibit(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, zwp_idle_inhibit_manager_v1_interface.name) != 0) return NULL;
  return (struct zwp_idle_inhibit_manager_v1 *)wl_registry_bind(
      registry, name, &zwp_idle_inhibit_manager_v1_interface, 1);
}

// Binds the global when it is wp_viewporter, else returns NULL.
static inline struct wp_viewporter *vgpu_wl_bind_viewporter(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, wp_viewporter_interface.name) != 0) return NULL;
  return (struct wp_viewporter *)wl_registry_bind(registry, name, &wp_viewporter_interface, 1);
}

// Binds the global when it is wp_fractional_scale_manager_v1, else returns NULL.
static inline struct wp_fractional_scale_manager_v1 *vgpu_wl_bind_fractional_scales(
    struct wl_registry *registry, uint32_t name, const char *interface) {
  if (strcmp(interface, wp_fractional_scale_manager_v1_interface.name) != 0) return NULL;
  return (struct wp_fractional_scale_manager_v1 *)wl_registry_bind(
      registry, name, &wp_fractional_scale_manager_v1_interface, 1);
}

// Binds the global when it is zwp_linux_dmabuf_v1, else returns NULL. In version 3, in which the
// compositor lists formats and modifiers by itself; older ones know no modifiers.
static inline struct zwp_linux_dmabuf_v1 *vgpu_wl_bind_dmabuf(
    struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version) {
  if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) != 0 || version < 3) return NULL;
  return (struct zwp_linux_dmabuf_v1 *)wl_registry_bind(
      registry, name, &zwp_linux_dmabuf_v1_interface, 3);
}

#endif
