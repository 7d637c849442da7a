// SPDX-License-Identifier: Apache-2.0
//
// The class of vgpu-gtk3.h is C, like every class of GObject's; Swift draws its content. Here are all
// calls between the two. They run on GTK's thread.

#ifndef CVIEWGTK3_H
#define CVIEWGTK3_H

#include "../../CVGPU/vgpu/vgpu-gtk3.h"
#include "../../CVGPU/vgpu/vgpu.h"

// ---- Swift's, for the class ----

// What a view shows, and what of the guest it opens besides. The texts are the caller's.
typedef struct {
  const char *target;
  gboolean waits;
  int32_t device;
  // An open device of the vGPU that `target` names, which `process` has; -1 for none.
  int32_t fd;
  int32_t process;
  // A source of the program's own, without a target; else NULL.
  const VgpuSourceFunctions *functions;
  void *source;
  VgpuInput input;
  const char *qmp;
  gboolean resizes;
} vgpu_peer_wish;

// Opens a guest and shows it in the view: an object that vgpu_peer_close ends, or NULL with an error.
void *vgpu_peer_open(VgpuView *view, const vgpu_peer_wish *wish, vgpu_error *error);

// Lets go of the device and of the widget. There are no callbacks afterwards.
void vgpu_peer_close(void *peer);

void vgpu_peer_set_scaling(void *peer, VgpuScaling scaling);

// NULL for no input.
void vgpu_peer_set_qmp(void *peer, const char *path);

void vgpu_peer_set_grabbed(void *peer, gboolean is_grabbed);

// Why the guest gets no input, for g_free; NULL when it gets some, and when it should get none.
char *vgpu_peer_input_message(void *peer);

gboolean vgpu_peer_send_keys(void *peer, const guint *keys, size_t count);

void vgpu_peer_release_keys(void *peer);

// Whether another program had the guest's screen.
gboolean vgpu_peer_take_back(void *peer);

// VGPU_OK or the error's code.
int32_t vgpu_peer_resize_guest(void *peer, uint32_t width, uint32_t height, vgpu_error *error);

// NULL with an error.
GdkPixbuf *vgpu_peer_get_pixbuf(void *peer, vgpu_error *error);

void vgpu_peer_get_statistics(void *peer, VgpuViewStatistics *statistics);

// The size that the view asks its container for (GtkWidgetClass.get_preferred_width).
void vgpu_peer_get_preferred_size(
    void *peer, GtkOrientation orientation, gint *minimum, gint *natural);

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

// Another process has the device; 0 for none.
void vgpu_view_tell_process(VgpuView *view, int32_t process);

// Input for the program: the arguments are those of the signals.
void vgpu_view_tell_key(VgpuView *view, uint32_t key, gboolean is_pressed);
void vgpu_view_tell_button(VgpuView *view, uint32_t button, gboolean is_pressed);
void vgpu_view_tell_pointer(VgpuView *view, int32_t x, int32_t y);
void vgpu_view_tell_motion(VgpuView *view, int32_t dx, int32_t dy);
void vgpu_view_tell_wheel(VgpuView *view, int32_t dx, int32_t dy);

#endif
