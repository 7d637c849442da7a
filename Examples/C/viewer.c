/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Shows a guest in a GTK 3 window; without a guest's name it lists the host's vGPUs.
 *
 *     cc -std=c99 viewer.c $(pkg-config --cflags --libs vgpu-gtk3 vgpu x11) -o viewer
 *     ./viewer demo
 *     ./viewer UUID /run/guest/qmp        # with keyboard and mouse
 */

#include <X11/Xlib.h>
#include <gtk/gtk.h>
#include <stdio.h>

#include <vgpu/vgpu-gtk3.h>
#include <vgpu/vgpu.h>

static int list(void) {
  vgpu_device devices[64];
  vgpu_error error;
  size_t count = 0;
  if (vgpu_list(devices, G_N_ELEMENTS(devices), &count, &error) != VGPU_OK) {
    fprintf(stderr, "viewer: %s\n", error.message);
    return 1;
  }
  for (size_t index = 0; index < MIN(count, G_N_ELEMENTS(devices)); index++) {
    printf("%s %s\n", devices[index].uuid, devices[index].type);
  }
  printf("%u vGPUs\n", (unsigned)count);
  return 0;
}

/* The title tells the size and the frames so far, once a second. */
static gboolean update_title(gpointer data) {
  GtkWidget *view = data;
  vgpu_view_statistics shown;
  if (vgpu_view_get_statistics(view, &shown, NULL) != VGPU_OK) return G_SOURCE_REMOVE;
  gchar *title = g_strdup_printf(
      "%ux%u, %" G_GUINT64_FORMAT " frames", (unsigned)shown.width, (unsigned)shown.height,
      (guint64)shown.frames_presented);
  gtk_window_set_title(GTK_WINDOW(gtk_widget_get_toplevel(view)), title);
  g_free(title);
  return G_SOURCE_CONTINUE;
}

int main(int count, char **arguments) {
  vgpu_error error;
  if (count < 2) return list();
  /* The view's thread has an X connection of its own. */
  XInitThreads();
  gtk_init(&count, &arguments);

  /* A vGPU without a guest is waited for; the window says so meanwhile. */
  GtkWidget *view = vgpu_view_new(arguments[1], VGPU_OPEN_WAIT, -1, &error);
  if (view == NULL) {
    fprintf(stderr, "viewer: %s\n", error.message);
    return 1;
  }
  vgpu_view_set_scaling(view, VGPU_SCALING_ONE_TO_ONE, NULL);
  if (count > 2 && vgpu_view_set_input(view, arguments[2], &error) != VGPU_OK) {
    fprintf(stderr, "viewer: %s\n", error.message);
  }

  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_default_size(GTK_WINDOW(window), 800, 600);
  gtk_container_add(GTK_CONTAINER(window), view);
  g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), NULL);
  guint timer = g_timeout_add_seconds(1, update_title, view);
  gtk_widget_show_all(window);
  gtk_widget_grab_focus(view);
  gtk_main();
  g_source_remove(timer);
  return 0;
}
