// SPDX-License-Identifier: Apache-2.0
//
// GIO's GDBus, and what Swift does not import of it: cast macros. The flags of gobject-2.0 are enough for its
// headers; those of gio-2.0 have -pthread, which SwiftPM prints a warning about in every build.

#ifndef CGIO_H
#define CGIO_H

#include <gio/gio.h>
#include <sys/socket.h>
#include <unistd.h>

// Whether another user made a socket pair, such as libvirt's daemon. The other end's program then sees that
// user at this end, and not this process's.
static inline gboolean vgpu_is_socket_of_other_user(int fd) {
  // struct ucred: pid, uid, gid. The C library shows it only to programs that ask for GNU's extensions.
  guint32 peer[3];
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) == 0 && size == sizeof peer
      && peer[1] != geteuid();
}

// A D-Bus connection, as a client, on a connected socket. The connection delivers no message until
// g_dbus_connection_start_message_processing. Takes the descriptor over, also on failure.
//
// The connection gets a main context of its own, `*own`. A connection that has ended leaves work in its
// context, which holds the connection; nobody would do that of the default context without a main loop.
static inline GDBusConnection *vgpu_dbus_client(
    int fd, GCancellable *cancellable, GMainContext **own, GError **error) {
  GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
      | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING;
#if GLIB_CHECK_VERSION(2, 74, 0)
  // Names no user, so that the server takes the one that it sees. Any other name is refused then.
  if (vgpu_is_socket_of_other_user(fd)) flags |= G_DBUS_CONNECTION_FLAGS_CROSS_NAMESPACE;
#endif
  GSocket *socket = g_socket_new_from_fd(fd, error);
  if (socket == NULL) {
    close(fd);
    return NULL;
  }
  GSocketConnection *stream = g_socket_connection_factory_create_connection(socket);
  g_object_unref(socket);
  *own = g_main_context_new();
  g_main_context_push_thread_default(*own);
  // g_dbus_connection_new_sync does not know that flag in GLib 2.74.
  GDBusConnection *connection = g_initable_new(
      G_TYPE_DBUS_CONNECTION, cancellable, error, "stream", stream, "flags", flags, NULL);
  g_object_unref(stream);
  g_main_context_pop_thread_default(*own);
  if (connection == NULL) {
    while (g_main_context_iteration(*own, FALSE)) {
    }
    g_main_context_unref(*own);
  }
  return connection;
}

// Sends what waits, ends a connection, and does the work that it has left. Waits for the other side, but
// not when `cancellable` is cancelled.
static inline void vgpu_dbus_end(
    GDBusConnection *connection, GMainContext *own, GCancellable *cancellable) {
  g_dbus_connection_flush_sync(connection, cancellable, NULL);
  g_dbus_connection_close_sync(connection, cancellable, NULL);
  while (g_main_context_iteration(own, FALSE)) {
  }
  g_object_unref(connection);
  g_main_context_unref(own);
}

// g_object_unref for Swift's pointer types.
static inline void vgpu_unref(void *object) {
  if (object != NULL) g_object_unref(object);
}

#endif
