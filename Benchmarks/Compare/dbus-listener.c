// SPDX-License-Identifier: Apache-2.0
//
// The smallest listener of QEMU's D-Bus display: takes its dma-bufs or pixels, reads the guest's frame number at each update, and
// answers. It draws nothing.
//
//   dbus-listener BUS-ADDRESS WxH LOG      until SIGTERM, then writes LOG: lines of commit, as metronome's
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "metronome/metronome.h"

uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void fail(const char *object, const char *cause, const char *remedy) {
    fprintf(stderr, "dbus-listener: %s: %s\n  -> %s\n", object, cause, remedy);
    exit(1);
}

// QEMU sends a buffer again each time it shows the buffer, so mappings are kept by inode.
enum { mappings = 64 };
static struct mapping {
    uint64_t inode;
    void *start;
    size_t size;
} kept[mappings];
static unsigned next_kept;

static struct picture picture;
static const struct place corner = {true, 0, 0};

static void *map(int fd, size_t size) {
    struct stat status;
    if (fstat(fd, &status)) return NULL;
    for (unsigned i = 0; i < mappings; i++)
        if (kept[i].start && kept[i].inode == status.st_ino && kept[i].size >= size) return kept[i].start;
    struct mapping *m = &kept[next_kept++ % mappings];
    if (m->start) munmap(m->start, m->size);
    *m = (struct mapping){status.st_ino, mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0), size};
    if (m->start == MAP_FAILED) m->start = NULL;
    return m->start;
}

static void scanout(GVariant *arguments, GDBusMethodInvocation *call) {
    gint32 handle;
    guint32 width, height, stride, format;
    guint64 modifier;
    gboolean flipped;
    g_variant_get(arguments, "(huuuutb)", &handle, &width, &height, &stride, &format, &modifier, &flipped);
    GUnixFDList *list = g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(call));
    int fd = list ? g_unix_fd_list_get(list, handle, NULL) : -1;
    picture = (struct picture){0};
    if (fd >= 0 && width >= guest_width && height >= guest_height && stride >= (guint64)width * 4 && (guint64)stride * height < 1u << 28)
        picture = (struct picture){map(fd, (size_t)stride * height), width, height, stride};
    if (fd >= 0) close(fd);
}

static void update(uint64_t time) {
    uint32_t frame = 0;
    bool known = picture.data && code_read(&picture, &corner, &frame);
    static bool found;
    if (known && !found) log_found(time, &picture, &corner);
    found = found || known;
    log_commit(time, known, frame, now() - time, picture.width, picture.height, "dbus");
}

// A picture whose pixels come in messages, x8r8g8b8 of pixman.
static uint8_t *canvas;
enum { x8r8g8b8 = 0x20020888 };

static void take(GVariant *pixels, unsigned x, unsigned y, unsigned width, unsigned height, unsigned stride) {
    gsize size;
    const uint8_t *from = g_variant_get_fixed_array(pixels, &size, 1);
    if (!canvas || !width || !height || x + (guint64)width > picture.width || y + (guint64)height > picture.height ||
        stride < (guint64)width * 4 || size < (guint64)stride * (height - 1) + width * 4)
        return;
    for (unsigned line = 0; line < height; line++)
        memcpy(canvas + (size_t)(y + line) * picture.stride + x * 4u, from + (size_t)line * stride, width * 4u);
}

static void whole(GVariant *arguments) {
    guint32 width, height, stride, format;
    GVariant *pixels;
    g_variant_get(arguments, "(uuuu@ay)", &width, &height, &stride, &format, &pixels);
    picture = (struct picture){0};
    if (format == x8r8g8b8 && width >= guest_width && height >= guest_height && width < 1u << 14 && height < 1u << 14) {
        canvas = realloc(canvas, (size_t)width * height * 4);
        picture = (struct picture){canvas, width, height, width * 4};
        take(pixels, 0, 0, width, height, stride);
    }
    g_variant_unref(pixels);
}

static void part(GVariant *arguments) {
    gint32 x, y, width, height;
    guint32 stride, format;
    GVariant *pixels;
    g_variant_get(arguments, "(iiiiuu@ay)", &x, &y, &width, &height, &stride, &format, &pixels);
    if (format == x8r8g8b8 && x >= 0 && y >= 0 && width > 0 && height > 0)
        take(pixels, (unsigned)x, (unsigned)y, (unsigned)width, (unsigned)height, stride);
    g_variant_unref(pixels);
}

static void called(GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *method,
                   GVariant *arguments, GDBusMethodInvocation *call, void *data) {
    (void)connection, (void)sender, (void)path, (void)interface, (void)data;
    uint64_t time = now();
    if (!strcmp(method, "ScanoutDMABUF")) scanout(arguments, call);
    else if (!strcmp(method, "UpdateDMABUF")) update(time);
    else if (!strcmp(method, "Scanout")) whole(arguments), update(time);
    else if (!strcmp(method, "Update")) part(arguments), update(time);
    g_dbus_method_invocation_return_value(call, NULL);
}

static GVariant *property(GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *name,
                          GError **error, void *data) {
    (void)connection, (void)sender, (void)path, (void)interface, (void)name, (void)error, (void)data;
    return g_variant_new_strv(NULL, 0);
}

static const char listener[] =
    "<node><interface name='org.qemu.Display1.Listener'>"
    "<method name='Scanout'><arg type='u'/><arg type='u'/><arg type='u'/><arg type='u'/><arg type='ay'/></method>"
    "<method name='Update'><arg type='i'/><arg type='i'/><arg type='i'/><arg type='i'/><arg type='u'/><arg type='u'/><arg type='ay'/></method>"
    "<method name='ScanoutDMABUF'><arg type='h'/><arg type='u'/><arg type='u'/><arg type='u'/><arg type='u'/><arg type='t'/><arg type='b'/>"
    "</method>"
    "<method name='UpdateDMABUF'><arg type='i'/><arg type='i'/><arg type='i'/><arg type='i'/></method>"
    "<method name='Disable'/>"
    "<method name='MouseSet'><arg type='i'/><arg type='i'/><arg type='i'/></method>"
    "<method name='CursorDefine'><arg type='i'/><arg type='i'/><arg type='i'/><arg type='i'/><arg type='ay'/></method>"
    "<property name='Interfaces' type='as' access='read'/>"
    "</interface></node>";

static gboolean stop(void *loop) {
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static void check(GError *error, const char *object) {
    if (error) fail(object, error->message, "is this QEMU's display, -display dbus,gl=on?");
}

int main(int argc, char **argv) {
    if (argc != 4 || sscanf(argv[2], "%ux%u", &guest_width, &guest_height) != 2)
        fail("arguments", "wrong", "dbus-listener BUS-ADDRESS WxH LOG");
    GError *error = NULL;
    GDBusConnection *bus = g_dbus_connection_new_for_address_sync(
        argv[1], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, &error);
    check(error, argv[1]);

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fail("socketpair", "failed", "too many open files?");
    GUnixFDList *list = g_unix_fd_list_new_from_array(&pair[1], 1);
    g_dbus_connection_call_with_unix_fd_list_sync(bus, "org.qemu", "/org/qemu/Display1/Console_0", "org.qemu.Display1.Console",
                                                  "RegisterListener", g_variant_new("(h)", 0), NULL, G_DBUS_CALL_FLAGS_NONE, 10000, list,
                                                  NULL, NULL, &error);
    check(error, "RegisterListener");

    GSocket *socket = g_socket_new_from_fd(pair[0], &error);
    check(error, "socket");
    GSocketConnection *stream = g_socket_connection_factory_create_connection(socket);
    // The connection is paused, so that no call arrives before the object exists.
    GDBusConnection *display = g_dbus_connection_new_sync(
        G_IO_STREAM(stream), NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL,
        NULL, &error);
    check(error, "QEMU's end of the listener's socket");
    GDBusNodeInfo *info = g_dbus_node_info_new_for_xml(listener, &error);
    check(error, "the interface");
    static const GDBusInterfaceVTable table = {.method_call = called, .get_property = property};
    g_dbus_connection_register_object(display, "/org/qemu/Display1/Listener", info->interfaces[0], &table, NULL, NULL, &error);
    check(error, "the listener");
    g_dbus_connection_start_message_processing(display);

    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, stop, loop);
    g_main_loop_run(loop);
    log_write(argv[3]);
    return 0;
}
