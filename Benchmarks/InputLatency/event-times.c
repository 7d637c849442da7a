// SPDX-License-Identifier: Apache-2.0
/* When an X server hands keys, buttons and motion to its clients, and when a viewer writes input-send-event. Loaded into both by
   LD_PRELOAD; writes one record for each XI2 event and each such write to the descriptor that EVENT_TIMES names: a pipe's end that
   does not block. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { reply = 1, genericEvent = 35, keyPress = 2, motion = 6, inputSendEvent = 1000 };

struct record {
    uint64_t nanoseconds; /* CLOCK_MONOTONIC, before the bytes are written */
    uint32_t type;        /* XI_KeyPress to XI_Motion, or inputSendEvent */
    uint32_t padding;
};

typedef ssize_t (*writev_function)(int, const struct iovec *, int);
typedef ssize_t (*send_function)(int, const void *, size_t, int);

static int output(void) {
    static int descriptor = -2;
    if (descriptor == -2) {
        const char *name = getenv("EVENT_TIMES");
        descriptor = name ? atoi(name) : -1;
    }
    return descriptor;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int put(uint64_t nanoseconds, uint32_t type) {
    struct record record = {nanoseconds, type, 0};
    return write(output(), &record, sizeof record) == sizeof record;
}

/* A flush begins and ends between two packets: replies and generic events tell their length, all others have 32 bytes. */
static void note(const struct iovec *vectors, int count, uint64_t nanoseconds) {
    static unsigned char bytes[1 << 20];
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        if (vectors[i].iov_len > sizeof bytes - size) return;
        memcpy(bytes + size, vectors[i].iov_base, vectors[i].iov_len);
        size += vectors[i].iov_len;
    }
    for (size_t at = 0; size - at >= 32;) {
        unsigned kind = bytes[at] & 127;
        uint64_t length = 32;
        if (kind == reply || kind == genericEvent) {
            uint32_t words;
            memcpy(&words, bytes + at + 4, sizeof words);
            length += (uint64_t)words * 4;
        }
        if (kind == genericEvent) {
            uint16_t type;
            memcpy(&type, bytes + at + 8, sizeof type);
            if (type >= keyPress && type <= motion && !put(nanoseconds, type)) return;
        }
        if (length > size - at) return;
        at += length;
    }
}

/* The server's, of which one thread writes. Xlib writes too, but to its server. */
ssize_t writev(int descriptor, const struct iovec *vectors, int count) {
    static writev_function original;
    if (!original) original = (writev_function)dlsym(RTLD_NEXT, "writev");
    if (output() >= 0 && getenv("EVENT_TIMES_SERVER")) note(vectors, count, now());
    return original(descriptor, vectors, count);
}

/* The viewer's. */
ssize_t send(int descriptor, const void *bytes, size_t size, int flags) {
    static send_function original;
    if (!original) original = (send_function)dlsym(RTLD_NEXT, "send");
    if (output() >= 0 && memmem(bytes, size, "input-send-event", 16)) put(now(), inputSendEvent);
    return original(descriptor, bytes, size, flags);
}
