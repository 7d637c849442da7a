// SPDX-License-Identifier: Apache-2.0
//
// The class of vgpu-gtk3.h is C, like every class of GObject's; Swift draws its content. Here are all
// calls between the two. They run on GTK's thread.

#ifndef CVIEWGTK3_H
#define CVIEWGTK3_H

#include "../../CVGPU/vgpu/vgpu-gtk3.h"
#include "../../CVGPU/vgpu/vgpu.h"

// ---- Swift's, for the class ----

// Opens a target and shows it in the view: an object that vgpu_peer_close ends, or NULL with an error.
void *vgpu_peer_open(
    VgpuView *view, const char *target, gboolean waits, int32_t device, vgpu_error *error);

// Lets go of the device and of the widget. There are no callbacks afterwards.
void vgpu_peer_close(void *peer);

void vgpu_peer_set_scaling(void *peer, VgpuScaling scaling);

// NULL for no input.
void vgpu_peer_set_qmp(void *peer, const char *path);

void vgpu_peer_set_grabbed(void *peer, gboolean is_grabbed);

void vgpu_peer_get_statistics(void *peer, VgpuViewStatistics *statistics);

// Draws the message of a view without a peer.
void vgpu_peer_draw_message(GtkWidget *widget, cairo_t *context, const char *message);

// ---- The class's, for Swift ----

// The content has changed: `message` says why there is no picture (NULL for a picture), `is_final`
// whether no picture will come any more.
void vgpu_view_tell_content(VgpuView *view, const char *message, gboolean is_final);

// The guest's picture has another size, in pixels.
void vgpu_view_tell_size(VgpuView *view, uint32_t width, uint32_t height);

// A grab has begun or ended.
void vgpu_view_tell_grabbed(VgpuView *view, gboolean is_grabbed);

#endif
