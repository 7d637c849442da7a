// SPDX-License-Identifier: Apache-2.0
//
// The class of vgpu-gtk3.h is C, as GObject's classes are; what it shows is Swift's. This is all that
// the two say to each other, on GTK's thread.

#ifndef CVIEWGTK3_H
#define CVIEWGTK3_H

#include "../../CVGPU/vgpu/vgpu-gtk3.h"
#include "../../CVGPU/vgpu/vgpu.h"

// ---- Swift's, for the class ----

// Opens a target and shows it in the view: an object that vgpu_peer_close ends, or NULL with an error.
void *vgpu_peer_open(
    VgpuView *view, const char *target, gboolean waits, int32_t device, vgpu_error *error);

// Lets go of the device and of the widget. It calls back no more.
void vgpu_peer_close(void *peer);

void vgpu_peer_set_scaling(void *peer, VgpuScaling scaling);

// NULL for no input.
void vgpu_peer_set_qmp(void *peer, const char *path);

void vgpu_peer_set_grabbed(void *peer, gboolean is_grabbed);

void vgpu_peer_get_statistics(void *peer, VgpuViewStatistics *statistics);

// Draws what stands where there is no peer.
void vgpu_peer_draw_message(GtkWidget *widget, cairo_t *context, const char *message);

// ---- The class's, for Swift ----

// What is shown has changed: `message` where it is no picture, and whether none will come any more.
void vgpu_view_tell_content(VgpuView *view, const char *message, gboolean is_final);

// The guest's picture has another size, in pixels.
void vgpu_view_tell_size(VgpuView *view, uint32_t width, uint32_t height);

// A grab has begun or ended.
void vgpu_view_tell_grabbed(VgpuView *view, gboolean is_grabbed);

#endif
