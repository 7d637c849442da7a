// SPDX-License-Identifier: Apache-2.0
//
// Of Xlib and of XCB's Present what a window of one's own, on a connection of one's own, needs.
// Events are unions and macros, which Swift does not import well: they are read here.

#ifndef CX11_H
#define CX11_H

#include <X11/Xlib-xcb.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <xcb/present.h>
#include <xcb/xcb.h>

// A child without background that selects no input, so that its parent gets that, in a visual that
// may be another than the parent's. 0 without the visual.
static inline Window vgpu_x11_create_window(
    Display *display, Window parent, VisualID visual, int x, int y, unsigned width,
    unsigned height) {
  XVisualInfo pattern = {.visualid = visual};
  int count = 0;
  XVisualInfo *found = XGetVisualInfo(display, VisualIDMask, &pattern, &count);
  if (found == NULL) return 0;
  XSetWindowAttributes attributes = {
      .background_pixmap = None,
      .border_pixel = 0,
      .colormap = XCreateColormap(display, parent, found->visual, AllocNone),
      .event_mask = VisibilityChangeMask,
  };
  Window window = XCreateWindow(
      display, parent, x, y, width, height, 0, found->depth, InputOutput, found->visual,
      CWBackPixmap | CWBorderPixel | CWColormap | CWEventMask, &attributes);
  XFree(found);
  return window;
}

// What has become of a window and of its toplevel since the last call, of which the last counts.
enum vgpu_x11_change { vgpu_x11_nothing, vgpu_x11_covered, vgpu_x11_seen };

static inline enum vgpu_x11_change vgpu_x11_next_change(Display *display) {
  enum vgpu_x11_change change = vgpu_x11_nothing;
  while (XPending(display) > 0) {
    XEvent event;
    XNextEvent(display, &event);
    if (event.type == VisibilityNotify) {
      change = event.xvisibility.state == VisibilityFullyObscured ? vgpu_x11_covered : vgpu_x11_seen;
    } else if (event.type == UnmapNotify && event.xunmap.event == event.xunmap.window) {
      change = vgpu_x11_covered;
    } else if (event.type == MapNotify && event.xmap.event == event.xmap.window) {
      change = vgpu_x11_seen;
    }
  }
  return change;
}

// XSync, by XCB, which locks whether or not XInitThreads was called.
static inline void vgpu_x11_sync(Display *display) {
  xcb_connection_t *connection = XGetXCBConnection(display);
  free(xcb_get_input_focus_reply(connection, xcb_get_input_focus(connection), NULL));
}

static inline int vgpu_x11_fd(Display *display) { return ConnectionNumber(display); }

// The Present extension's events of one window, on a queue of their own.
struct vgpu_present {
  xcb_connection_t *connection;
  xcb_special_event_t *events;
  xcb_window_t window;
};

// False where the server has no Present.
static inline bool vgpu_present_begin(Display *display, Window window, struct vgpu_present *present) {
  xcb_connection_t *connection = XGetXCBConnection(display);
  const xcb_query_extension_reply_t *extension =
      xcb_get_extension_data(connection, &xcb_present_id);
  if (extension == NULL || !extension->present) return false;
  uint32_t id = xcb_generate_id(connection);
  present->connection = connection;
  present->window = (xcb_window_t)window;
  present->events = xcb_register_for_special_xge(connection, &xcb_present_id, id, NULL);
  if (present->events == NULL) return false;
  xcb_present_select_input(
      connection, id, present->window, XCB_PRESENT_EVENT_MASK_COMPLETE_NOTIFY);
  return true;
}

static inline void vgpu_present_end(struct vgpu_present *present) {
  xcb_unregister_for_special_event(present->connection, present->events);
}

// Asks for an event at the monitor's next refresh (PresentNotifyMSC).
static inline void vgpu_present_ask(struct vgpu_present *present, uint32_t serial) {
  xcb_present_notify_msc(present->connection, present->window, serial, 0, 0, 0);
  xcb_flush(present->connection);
}

// The next such event that has been read already: the refresh's time in microseconds and number.
static inline bool vgpu_present_next(
    struct vgpu_present *present, uint32_t *serial, uint64_t *microseconds, uint64_t *number) {
  xcb_generic_event_t *event;
  while ((event = xcb_poll_for_special_event(present->connection, present->events)) != NULL) {
    xcb_present_generic_event_t *generic = (xcb_present_generic_event_t *)event;
    bool is_refresh = false;
    if (generic->evtype == XCB_PRESENT_COMPLETE_NOTIFY) {
      xcb_present_complete_notify_event_t *complete = (xcb_present_complete_notify_event_t *)event;
      is_refresh = complete->kind == XCB_PRESENT_COMPLETE_KIND_NOTIFY_MSC;
      *serial = complete->serial;
      *microseconds = complete->ust;
      *number = complete->msc;
    }
    free(event);
    if (is_refresh) return true;
  }
  return false;
}

#endif
