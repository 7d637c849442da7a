// SPDX-License-Identifier: Apache-2.0
//
// GTK 3 with both of GDK's window systems, and what Swift does not import of them: cast macros,
// and g_signal_connect, whose handlers have the signature of their signal. Each connector here
// takes only a handler that fits.

#ifndef CGTK3_H
#define CGTK3_H

#include <gtk/gtk.h>

#include <gdk/gdkwayland.h>
#include <gdk/gdkx.h>
#include <glib-unix.h>

static inline GtkWindow *vgpu_gtk_window(GtkWidget *widget) { return GTK_WINDOW(widget); }

static inline GtkContainer *vgpu_gtk_container(GtkWidget *widget) { return GTK_CONTAINER(widget); }

// Whether a display is a Wayland or an X11 connection.
static inline gboolean vgpu_gdk_is_wayland(GdkDisplay *display) {
  return GDK_IS_WAYLAND_DISPLAY(display);
}
static inline gboolean vgpu_gdk_is_x11(GdkDisplay *display) { return GDK_IS_X11_DISPLAY(display); }

// The id of the X screen's default visual, which every EGL driver can draw on. GDK's own choice is
// made with GLX in mind, and EGL may not have it.
static inline VisualID vgpu_x11_default_visual(GdkScreen *screen) {
  return XVisualIDFromVisual(
      XDefaultVisualOfScreen(gdk_x11_screen_get_xscreen(screen)));
}

// A signal whose handler gets the emitter and the data: map, unmap, destroy.
static inline gulong vgpu_connect(
    gpointer emitter, const char *signal, void (*handler)(gpointer, gpointer), gpointer data) {
  return g_signal_connect(emitter, signal, G_CALLBACK(handler), data);
}

// notify::PROPERTY.
static inline gulong vgpu_connect_notify(
    gpointer object, const char *signal, void (*handler)(gpointer, GParamSpec *, gpointer),
    gpointer data) {
  return g_signal_connect(object, signal, G_CALLBACK(handler), data);
}

// GtkWidget::draw.
static inline gulong vgpu_connect_draw(
    GtkWidget *widget, gboolean (*handler)(GtkWidget *, cairo_t *, gpointer), gpointer data) {
  return g_signal_connect(widget, "draw", G_CALLBACK(handler), data);
}

// GtkWidget::size-allocate, after the widget's own handler.
static inline gulong vgpu_connect_size_allocate(
    GtkWidget *widget, void (*handler)(GtkWidget *, GdkRectangle *, gpointer), gpointer data) {
  return g_signal_connect_after(widget, "size-allocate", G_CALLBACK(handler), data);
}

// GtkWidget::key-press-event.
static inline gulong vgpu_connect_key_press(
    GtkWidget *widget, gboolean (*handler)(GtkWidget *, GdkEventKey *, gpointer), gpointer data) {
  return g_signal_connect(widget, "key-press-event", G_CALLBACK(handler), data);
}

// GtkWidget::delete-event.
static inline gulong vgpu_connect_delete(
    GtkWidget *widget, gboolean (*handler)(GtkWidget *, GdkEvent *, gpointer), gpointer data) {
  return g_signal_connect(widget, "delete-event", G_CALLBACK(handler), data);
}

#endif
