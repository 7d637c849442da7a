/* SPDX-License-Identifier: Apache-2.0 */

/* Shows a guest and passes keyboard and mouse on, as a VM manager does:
 *
 *     type WIDTH HEIGHT TARGET         by VgpuView's own way of input
 *     type WIDTH HEIGHT device UUID PROCESS
 *                                      by a descriptor of the device, which is taken out of the process
 *     type WIDTH HEIGHT source TARGET  by a source of libvgpu's
 *
 * SIGUSR1 sends the keys F5 and F6 as a chord. Prints "process N" and "size WxH" when they change. */

#define _GNU_SOURCE
#include <dirent.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vgpu/vgpu-gtk3.h>

static void on_process(GObject *view, GParamSpec *spec, gpointer data) {
  (void)spec, (void)data;
  gint process;
  g_object_get(view, "process", &process, NULL);
  printf("process %d\n", process);
  fflush(stdout);
}

static void on_size(GObject *view, GParamSpec *spec, gpointer data) {
  (void)spec, (void)data;
  guint width, height;
  g_object_get(view, "guest-width", &width, "guest-height", &height, NULL);
  printf("size %ux%u\n", width, height);
  fflush(stdout);
}

static gboolean on_signal(gpointer view) {
  const guint keys[] = {63, 64};
  printf("sent %d\n", vgpu_view_send_keys(view, keys, 2));
  fflush(stdout);
  return G_SOURCE_CONTINUE;
}

/* A descriptor of the VFIO device that the process has. */
static int device_of(int process) {
  char folder[64], path[512], link[256];
  snprintf(folder, sizeof folder, "/proc/%d/fd", process);
  int found = -1, pidfd = (int)syscall(SYS_pidfd_open, process, 0);
  DIR *descriptors = opendir(folder);
  for (struct dirent *entry; descriptors != NULL && (entry = readdir(descriptors)) != NULL;) {
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0) continue;
    link[length] = 0;
    if (strstr(link, "[vfio-device]") != NULL)
      found = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);
  }
  return found;
}

int main(int argc, char **argv) {
  /* Whoever starts this may have blocked them. */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  gtk_init(&argc, &argv);
  if (argc < 4) return 64;
  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_default_size(GTK_WINDOW(window), atoi(argv[1]), atoi(argv[2]));
  VgpuView *view = g_object_new(
      VGPU_TYPE_VIEW, "scaling", VGPU_SCALING_ONE_TO_ONE, "input", VGPU_INPUT_GUEST, "resize-guest",
      TRUE, NULL);
  g_signal_connect(view, "notify::process", G_CALLBACK(on_process), NULL);
  g_signal_connect(view, "notify::guest-width", G_CALLBACK(on_size), NULL);
  g_unix_signal_add(SIGUSR1, on_signal, view);
  gtk_container_add(GTK_CONTAINER(window), GTK_WIDGET(view));
  gtk_widget_show_all(window);
  gtk_widget_grab_focus(GTK_WIDGET(view));

  GError *error = NULL;
  vgpu_error problem = {0};
  gboolean is_open;
  if (strcmp(argv[3], "device") == 0 && argc == 6) {
    int device = device_of(atoi(argv[5]));
    is_open = vgpu_view_open_device(view, device, argv[4], atoi(argv[5]), &error);
    close(device);
  } else if (strcmp(argv[3], "source") == 0 && argc == 5) {
    vgpu_source *source = vgpu_source_open(argv[4], 0, -1, &problem);
    if (source == NULL) {
      fprintf(stderr, "%s\n", problem.message);
      return 1;
    }
    is_open = vgpu_view_open_source(view, source, &error);
  } else {
    is_open = vgpu_view_open(view, argv[3], &error);
  }
  if (!is_open) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  gtk_main();
  return 0;
}
