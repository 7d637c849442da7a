/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu-gtk3: a GTK 3 widget that shows a guest's screen, zero-copy, at the monitor's own rate.
 *
 *     XInitThreads();
 *     gtk_init(&argc, &argv);
 *     GtkWidget *view = vgpu_view_new("demo");
 *     gtk_container_add(GTK_CONTAINER(window), view);
 *
 * In Python, with `gi.require_version("VgpuGtk", "3.0")`: VgpuGtk.View(target="demo"). In a .ui file of
 * GtkBuilder's: <object class="VgpuView">; the program calls g_type_ensure(VGPU_TYPE_VIEW) before.
 *
 * Threads. All of it is for GTK's thread, which must be the process's first: elsewhere a call does
 * nothing but a warning (g_return_if_fail). The guest is looked at and drawn on a thread of the view's
 * own. On X11 that has a connection of its own: with libX11 before 1.8 call XInitThreads before
 * anything else of X11's.
 *
 * Link with `pkg-config --cflags --libs vgpu-gtk3`; libvgpu is not needed beside it. Symbols have the
 * version VGPU_GTK3_0.
 */

#ifndef VGPU_VGPU_GTK3_H
#define VGPU_VGPU_GTK3_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * VgpuScaling:
 * @VGPU_SCALING_FIT: As large as the widget allows.
 * @VGPU_SCALING_INTEGER: The largest whole multiple; as %VGPU_SCALING_FIT where the widget is smaller
 *   than the picture.
 * @VGPU_SCALING_ONE_TO_ONE: A pixel of the guest for each of the monitor, cut off where the widget is
 *   smaller.
 * @VGPU_SCALING_FILL: Covers the whole widget, cut off at two edges.
 *
 * How a guest's picture is sized to the widget; the aspect ratio is always kept.
 */
typedef enum {
  VGPU_SCALING_FIT = 0,
  VGPU_SCALING_INTEGER = 1,
  VGPU_SCALING_ONE_TO_ONE = 2,
  VGPU_SCALING_FILL = 3
} VgpuScaling;

GType vgpu_scaling_get_type(void);
#define VGPU_TYPE_SCALING (vgpu_scaling_get_type())

/**
 * VgpuViewState:
 * @VGPU_VIEW_STATE_EMPTY: There is no target.
 * @VGPU_VIEW_STATE_WAITING: No picture yet, or none at the moment: #VgpuView:message says why.
 * @VGPU_VIEW_STATE_SHOWING: The guest's picture.
 * @VGPU_VIEW_STATE_FAILED: No picture, and there will be none: #VgpuView:error says why. Opening a
 *   target anew is what leads out of it.
 *
 * What a view shows. It is found out while the widget is on the screen, and stays as it was else.
 */
typedef enum {
  VGPU_VIEW_STATE_EMPTY = 0,
  VGPU_VIEW_STATE_WAITING = 1,
  VGPU_VIEW_STATE_SHOWING = 2,
  VGPU_VIEW_STATE_FAILED = 3
} VgpuViewState;

GType vgpu_view_state_get_type(void);
#define VGPU_TYPE_VIEW_STATE (vgpu_view_state_get_type())

/**
 * VgpuViewError:
 * @VGPU_VIEW_ERROR_ARGUMENT: The caller's mistake: a text that names no target.
 * @VGPU_VIEW_ERROR_NOT_FOUND: There is no such vGPU, process, domain or descriptor.
 * @VGPU_VIEW_ERROR_NOT_RUNNING: It exists, but no guest uses it now, and #VgpuView:wait is %FALSE.
 * @VGPU_VIEW_ERROR_NOT_PERMITTED: The kernel or libvirt does not let this user do it.
 * @VGPU_VIEW_ERROR_AMBIGUOUS: Several displays fit; #VgpuView:device chooses one.
 * @VGPU_VIEW_ERROR_NO_DISPLAY: The device has no display, or the process no such device.
 * @VGPU_VIEW_ERROR_UNSUPPORTED: This driver cannot do it.
 * @VGPU_VIEW_ERROR_SYSTEM: A system call failed in another way, libvirt did, or the device is gone.
 *
 * What went wrong, for programs; the message is one line for a person: object, cause and, where one
 * is known, remedy. The numbers are those of vgpu.h's errors.
 */
typedef enum {
  VGPU_VIEW_ERROR_ARGUMENT = 1,
  VGPU_VIEW_ERROR_NOT_FOUND = 2,
  VGPU_VIEW_ERROR_NOT_RUNNING = 3,
  VGPU_VIEW_ERROR_NOT_PERMITTED = 4,
  VGPU_VIEW_ERROR_AMBIGUOUS = 5,
  VGPU_VIEW_ERROR_NO_DISPLAY = 6,
  VGPU_VIEW_ERROR_UNSUPPORTED = 8,
  VGPU_VIEW_ERROR_SYSTEM = 9
} VgpuViewError;

GType vgpu_view_error_get_type(void);
#define VGPU_TYPE_VIEW_ERROR (vgpu_view_error_get_type())

GQuark vgpu_view_error_quark(void);
#define VGPU_VIEW_ERROR (vgpu_view_error_quark())

#define VGPU_TYPE_VIEW (vgpu_view_get_type())

/**
 * VgpuView:
 *
 * A widget that shows a guest's screen.
 *
 * It is a #GtkDrawingArea with a surface of its own above it: a wl_subsurface on Wayland, a native
 * child window on X11. Widgets that are laid over it are hidden by it; menus and tooltips, being
 * windows, are not. It expands and can have the focus, until told otherwise.
 *
 * The guest's device is held while there is a target, until the widget is destroyed. The widget has a
 * floating reference as every other, and what has been destroyed opens nothing any more.
 */
/**
 * VgpuView:target:
 *
 * What is shown: "mdev:UUID" or a bare UUID, "pid:N" or a bare number, "libvirt:NAME",
 * "libvirt:session/NAME", "libvirt:system/NAME", "bridge:PATH[/UUID]", or "demo", a synthetic guest for
 * trying things out; %NULL for nothing. Setting it lets go of what was shown, and opens: then
 * #VgpuView:error tells whether that failed, and #VgpuView::failed. See vgpu_view_open().
 *
 * The device's descriptor is duplicated out of the process that has it (pidfd_getfd(2)), which needs
 * the right to trace that process, and let go of at that process's end. Opening blocks while libvirt
 * is asked, where the target is a domain.
 */
/**
 * VgpuView:wait:
 *
 * Whether a vGPU without a guest is waited for, instead of being an error. Counts when a target is
 * opened.
 */
/**
 * VgpuView:device:
 *
 * The number of the device's descriptor in the process that has it, where that has several; else -1.
 * Counts when a target is opened.
 */
/**
 * VgpuView:scaling:
 *
 * How the picture is sized to the widget.
 */
/**
 * VgpuView:qmp:
 *
 * Gives the guest what is typed while the widget has the focus, and what the mouse does over it: the
 * path of a socket at which the guest's QEMU serves QMP, one that no other program uses; %NULL ends it.
 * It connects by itself, and again when QEMU comes back.
 */
/**
 * VgpuView:grabbed:
 *
 * Whether keyboard and mouse are the guest's alone. Without a #VgpuView:qmp that is connected nothing
 * can be grabbed; when the focus goes elsewhere the grab ends.
 */
/**
 * VgpuView:state:
 *
 * What is shown now.
 */
/**
 * VgpuView:message:
 *
 * One line that is shown instead of a picture, and says what to do about it; %NULL while there is one,
 * and before the guest was looked at for the first time.
 */
/**
 * VgpuView:error:
 *
 * Why there is no picture, and will be none; %NULL but in %VGPU_VIEW_STATE_FAILED.
 */
/**
 * VgpuView:guest-width:
 *
 * The width of the guest's last picture in its pixels; 0 before the target's first one.
 */
/**
 * VgpuView:guest-height:
 *
 * The height of the guest's last picture in its pixels; 0 before the target's first one.
 */
/**
 * VgpuView:frames-presented:
 *
 * Frames handed to the display server since the target was opened. It is not notified, as a frame does
 * not wake GTK's thread.
 */
/**
 * VgpuView::failed:
 * @view: the view
 * @error: why
 *
 * There is no picture, and there will be none: the target could not be opened, its device has no
 * display, or is gone. It is emitted by the main loop, never inside the call that failed, so that who
 * connects after g_object_new() hears of it too.
 */
G_DECLARE_FINAL_TYPE(VgpuView, vgpu_view, VGPU, VIEW, GtkDrawingArea)

/**
 * vgpu_view_new:
 * @target: (nullable): #VgpuView:target
 *
 * Makes a view. Whether its target could be opened #VgpuView:error tells, and #VgpuView::failed.
 *
 * Returns: (transfer none): the widget, with a floating reference
 */
GtkWidget *vgpu_view_new(const gchar *target);

/**
 * vgpu_view_open:
 * @view: a view
 * @target: #VgpuView:target
 * @error: why not; its domain is %VGPU_VIEW_ERROR
 *
 * Sets #VgpuView:target, and says at once whether it could be opened.
 *
 * Returns: whether it could
 */
gboolean vgpu_view_open(VgpuView *view, const gchar *target, GError **error);

/**
 * VgpuPath:
 * @VGPU_PATH_NONE: There was none yet.
 * @VGPU_PATH_IMPORT: Its buffer was imported and drawn by the GPU.
 * @VGPU_PATH_UPLOAD: The CPU copied it to the GPU.
 * @VGPU_PATH_CAIRO: The CPU copied and drew it.
 * @VGPU_PATH_DIRECT: The compositor was handed the buffer itself: nothing was drawn here.
 *
 * How the pixels of the last frame got onto the screen.
 */
typedef enum {
  VGPU_PATH_NONE = 0,
  VGPU_PATH_IMPORT = 1,
  VGPU_PATH_UPLOAD = 2,
  VGPU_PATH_CAIRO = 3,
  VGPU_PATH_DIRECT = 4
} VgpuPath;

GType vgpu_path_get_type(void);
#define VGPU_TYPE_PATH (vgpu_path_get_type())

/**
 * VgpuViewStatistics:
 * @frames_presented: Frames handed to the display server.
 * @first_presented_ns: When the first of them was: nanoseconds of CLOCK_MONOTONIC; 0 for none.
 * @last_presented_ns: When the last of them was.
 * @imports: Buffers imported.
 * @copies: Pictures and cursors that the CPU copied.
 * @frames_late: Frames that were shown a refresh or more after the one that they aimed at.
 * @path: How the pixels of the last frame got onto the screen.
 *
 * What a view has shown since its target was opened.
 */
typedef struct {
  guint64 frames_presented;
  guint64 first_presented_ns;
  guint64 last_presented_ns;
  guint64 imports;
  guint64 copies;
  guint64 frames_late;
  VgpuPath path;
} VgpuViewStatistics;

/**
 * vgpu_view_get_statistics:
 * @view: a view
 * @statistics: (out caller-allocates): all zero while nothing is open
 *
 * What the view has shown so far.
 */
void vgpu_view_get_statistics(VgpuView *view, VgpuViewStatistics *statistics);

G_END_DECLS

#endif
