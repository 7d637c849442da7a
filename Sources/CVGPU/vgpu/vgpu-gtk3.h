/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu-gtk3: a GTK 3 widget that shows a guest's screen, zero-copy, at the monitor's own rate.
 *
 *     XInitThreads();
 *     gtk_init(&argc, &argv);
 *     GtkWidget *view = vgpu_view_new("demo", 0, -1, &error);
 *     gtk_container_add(GTK_CONTAINER(window), view);
 *
 * Threads. All of it is for GTK's thread, which must be the process's first: elsewhere each function
 * is an error (VGPU_ERROR_ARGUMENT). The guest is looked at and drawn on a thread of the view's own.
 * On X11 that has a connection of its own: with libX11 before 1.8 call XInitThreads before anything
 * else of X11's.
 *
 * The widget is a GtkDrawingArea with a surface of its own above it: a wl_subsurface on Wayland, a
 * native child window on X11. Widgets that are laid over it are hidden by it; menus and tooltips,
 * being windows, are not. It expands and can have the focus.
 *
 * Errors are told as vgpu.h says. Link with `pkg-config --cflags --libs vgpu-gtk3`; libvgpu is not
 * needed beside it.
 */

#ifndef VGPU_VGPU_GTK3_H
#define VGPU_VGPU_GTK3_H

#include <gtk/gtk.h>

#include "vgpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes a widget that shows what `target` names; the parameters are those of vgpu_source_open.
 * gtk_init has been called.
 *
 * The widget is the view's own, and the container's that it is put into; the caller gets no reference
 * to give up. It lives until it is destroyed: with its container, or by gtk_widget_destroy, by which
 * one must end that never got into a container. So long the device is held. What has been destroyed is
 * no view any more: the functions below then fail.
 */
GtkWidget *vgpu_view_new(
    const char *target, uint32_t flags, int32_t device, vgpu_error *error);

/** How a guest's picture is sized to the widget; the aspect ratio is always kept. */
enum {
  /** As large as the widget allows; so it begins. */
  VGPU_SCALING_FIT = 0,
  /** The largest whole multiple; as VGPU_SCALING_FIT where the widget is smaller than the picture. */
  VGPU_SCALING_INTEGER = 1,
  /** A pixel of the guest for each of the monitor, cut off where the widget is smaller. */
  VGPU_SCALING_ONE_TO_ONE = 2,
  /** Covers the whole widget, cut off at two edges. */
  VGPU_SCALING_FILL = 3
};

/** Sets how the picture is sized: VGPU_SCALING_*. */
int32_t vgpu_view_set_scaling(GtkWidget *view, int32_t scaling, vgpu_error *error);

/**
 * Gives the guest what is typed while the widget has the focus, and what the mouse does over it.
 *
 * `qmp`: the path of a socket at which the guest's QEMU serves QMP, one that no other program uses;
 * NULL ends it. It connects by itself, and again when QEMU comes back.
 */
int32_t vgpu_view_set_input(GtkWidget *view, const char *qmp, vgpu_error *error);

/** Makes keyboard and mouse the guest's alone, or gives them back: TRUE or FALSE. Without an input
 * that is connected nothing happens. */
int32_t vgpu_view_set_grab(GtkWidget *view, gboolean is_grabbed, vgpu_error *error);

/** How the pixels of the last frame got onto the screen. */
enum {
  /** There was none yet. */
  VGPU_PATH_NONE = 0,
  /** Its buffer was imported and drawn by the GPU. */
  VGPU_PATH_IMPORT = 1,
  /** The CPU copied it to the GPU. */
  VGPU_PATH_UPLOAD = 2,
  /** The CPU copied and drew it. */
  VGPU_PATH_CAIRO = 3,
  /** The compositor was handed the buffer itself: nothing was drawn here. */
  VGPU_PATH_DIRECT = 4
};

/** What a view has shown since it was made. */
typedef struct vgpu_view_statistics {
  /** Frames handed to the display server. */
  uint64_t frames_presented;
  /** When the first and the last of them were: nanoseconds of CLOCK_MONOTONIC; 0 for none. */
  uint64_t first_presented_ns;
  uint64_t last_presented_ns;
  /** Buffers imported. */
  uint64_t imports;
  /** Pictures and cursors that the CPU copied. */
  uint64_t copies;
  /** Frames that were shown a refresh or more after the one that they aimed at. */
  uint64_t frames_late;
  /** One of VGPU_PATH_*. */
  int32_t path;
  /** The size of the guest's picture in pixels; 0 while there is none. */
  uint32_t width;
  uint32_t height;
} vgpu_view_statistics;

/** What the view has shown so far. */
int32_t vgpu_view_get_statistics(
    GtkWidget *view, vgpu_view_statistics *statistics, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#endif
