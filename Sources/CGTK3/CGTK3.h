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
#include <libintl.h>

// Dispatch's main queue for a thread that waits in another loop, as Foundation's run loop uses it: an
// eventfd that becomes readable when there is work, and the function that does the work. They are
// exported for that purpose and are in no header.
extern int _dispatch_get_main_queue_handle_4CF(void);
extern void _dispatch_main_queue_callback_4CF(void *message);

static inline GtkWindow *vgpu_gtk_window(GtkWidget *widget) { return GTK_WINDOW(widget); }

static inline GtkContainer *vgpu_gtk_container(GtkWidget *widget) { return GTK_CONTAINER(widget); }

// Whether a display is a Wayland or an X11 connection.
static inline gboolean vgpu_gdk_is_wayland(GdkDisplay *display) {
  return GDK_IS_WAYLAND_DISPLAY(display);
}
static inline gboolean vgpu_gdk_is_x11(GdkDisplay *display) { return GDK_IS_X11_DISPLAY(display); }

// Whether a container draws a transition from one child to another: GtkStack, and what follows its
// example, such as libhandy's HdyLeaflet and HdyDeck.
static inline gboolean vgpu_gtk_is_in_transition(GtkWidget *widget) {
  static const char *const names[] = {"transition-running", "child-transition-running"};
  for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(widget), names[i]);
    gboolean is_running = FALSE;
    if (spec == NULL || spec->value_type != G_TYPE_BOOLEAN || (spec->flags & G_PARAM_READABLE) == 0)
      continue;
    g_object_get(widget, names[i], &is_running, NULL);
    if (is_running) return TRUE;
  }
  return FALSE;
}

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

// The same after the class's and all other handlers.
static inline gulong vgpu_connect_after(
    gpointer emitter, const char *signal, void (*handler)(gpointer, gpointer), gpointer data) {
  return g_signal_connect_after(emitter, signal, G_CALLBACK(handler), data);
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

// GtkWidget::key-press-event and key-release-event.
static inline gulong vgpu_connect_key(
    GtkWidget *widget, const char *signal,
    gboolean (*handler)(GtkWidget *, GdkEventKey *, gpointer), gpointer data) {
  return g_signal_connect(widget, signal, G_CALLBACK(handler), data);
}

// GtkWidget::button-press-event and button-release-event.
static inline gulong vgpu_connect_button(
    GtkWidget *widget, const char *signal,
    gboolean (*handler)(GtkWidget *, GdkEventButton *, gpointer), gpointer data) {
  return g_signal_connect(widget, signal, G_CALLBACK(handler), data);
}

// GtkWidget::scroll-event.
static inline gulong vgpu_connect_scroll(
    GtkWidget *widget, gboolean (*handler)(GtkWidget *, GdkEventScroll *, gpointer),
    gpointer data) {
  return g_signal_connect(widget, "scroll-event", G_CALLBACK(handler), data);
}

// Any other signal of GtkWidget with an event: delete-event, focus-out-event, motion-notify-event.
static inline gulong vgpu_connect_event(
    GtkWidget *widget, const char *signal, gboolean (*handler)(GtkWidget *, GdkEvent *, gpointer),
    gpointer data) {
  return g_signal_connect(widget, signal, G_CALLBACK(handler), data);
}

// GtkDialog::response.
static inline gulong vgpu_connect_response(
    GtkWidget *dialog, void (*handler)(GtkDialog *, gint, gpointer), gpointer data) {
  return g_signal_connect(dialog, "response", G_CALLBACK(handler), data);
}

// void (*)(GtkClipboard *, GdkEventOwnerChange *, gpointer): "owner-change".
static inline gulong vgpu_connect_owner_change(
    GtkClipboard *clipboard, void (*handler)(GtkClipboard *, GdkEvent *, gpointer), gpointer data) {
  return g_signal_connect(clipboard, "owner-change", G_CALLBACK(handler), data);
}

// "drag-data-received".
static inline gulong vgpu_connect_drag_data(
    GtkWidget *widget,
    void (*handler)(GtkWidget *, GdkDragContext *, gint, gint, GtkSelectionData *, guint, guint, gpointer),
    gpointer data) {
  return g_signal_connect(widget, "drag-data-received", G_CALLBACK(handler), data);
}

static inline gboolean vgpu_gtk_is_viewport(GtkWidget *widget) { return GTK_IS_VIEWPORT(widget); }

// NULL for another widget.
static inline GtkScrolledWindow *vgpu_gtk_scrolled_window(GtkWidget *widget) {
  return GTK_IS_SCROLLED_WINDOW(widget) ? GTK_SCROLLED_WINDOW(widget) : NULL;
}

static inline GtkMenuShell *vgpu_gtk_menu_shell(GtkWidget *widget) { return GTK_MENU_SHELL(widget); }
static inline GtkMenu *vgpu_gtk_menu(GtkWidget *widget) { return GTK_MENU(widget); }
static inline GtkMenuButton *vgpu_gtk_menu_button(GtkWidget *widget) {
  return GTK_MENU_BUTTON(widget);
}
static inline GtkHeaderBar *vgpu_gtk_header_bar(GtkWidget *widget) { return GTK_HEADER_BAR(widget); }
static inline GtkDialog *vgpu_gtk_dialog(GtkWidget *widget) { return GTK_DIALOG(widget); }
static inline GtkBox *vgpu_gtk_box(GtkWidget *widget) { return GTK_BOX(widget); }
static inline GtkLabel *vgpu_gtk_label(GtkWidget *widget) { return GTK_LABEL(widget); }
static inline GtkImage *vgpu_gtk_image(GtkWidget *widget) { return GTK_IMAGE(widget); }
static inline GtkEntry *vgpu_gtk_entry(GtkWidget *widget) { return GTK_ENTRY(widget); }
static inline GtkStack *vgpu_gtk_stack(GtkWidget *widget) { return GTK_STACK(widget); }
static inline GtkInfoBar *vgpu_gtk_info_bar(GtkWidget *widget) { return GTK_INFO_BAR(widget); }
static inline GtkSearchBar *vgpu_gtk_search_bar(GtkWidget *widget) { return GTK_SEARCH_BAR(widget); }
static inline GtkSpinner *vgpu_gtk_spinner(GtkWidget *widget) { return GTK_SPINNER(widget); }
static inline GtkListBox *vgpu_gtk_list_box(GtkWidget *widget) { return GTK_LIST_BOX(widget); }
static inline GtkListBoxRow *vgpu_gtk_list_box_row(GtkWidget *widget) {
  return GTK_LIST_BOX_ROW(widget);
}

static inline GtkAboutDialog *vgpu_gtk_about_dialog(GtkWidget *widget) {
  return GTK_ABOUT_DIALOG(widget);
}

// GSimpleAction::activate, whose parameter may be NULL.
static inline gulong vgpu_connect_action(
    GSimpleAction *action, void (*handler)(GSimpleAction *, GVariant *, gpointer), gpointer data) {
  return g_signal_connect(action, "activate", G_CALLBACK(handler), data);
}

// GtkListBox::row-activated and row-selected, whose row may be NULL.
static inline gulong vgpu_connect_row(
    GtkWidget *list, const char *signal, void (*handler)(GtkListBox *, GtkListBoxRow *, gpointer),
    gpointer data) {
  return g_signal_connect(list, signal, G_CALLBACK(handler), data);
}

// GtkWidget::popup-menu.
static inline gulong vgpu_connect_popup_menu(
    GtkWidget *widget, gboolean (*handler)(GtkWidget *, gpointer), gpointer data) {
  return g_signal_connect(widget, "popup-menu", G_CALLBACK(handler), data);
}

// GtkInfoBar::response.
static inline gulong vgpu_connect_bar_response(
    GtkWidget *bar, void (*handler)(GtkInfoBar *, gint, gpointer), gpointer data) {
  return g_signal_connect(bar, "response", G_CALLBACK(handler), data);
}

// gtk_message_dialog_new takes a format, which Swift cannot call: a question with a title, a text
// and no buttons, in front of a window.
static inline GtkWidget *vgpu_gtk_question(GtkWidget *parent, const char *title, const char *text) {
  GtkWidget *dialog = gtk_message_dialog_new(
      GTK_WINDOW(parent), GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT, GTK_MESSAGE_QUESTION,
      GTK_BUTTONS_NONE, "%s", title);
  gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%s", text);
  return dialog;
}

#endif
