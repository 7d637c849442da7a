// SPDX-License-Identifier: Apache-2.0
//
// LD_PRELOAD for QEMU: stamps the guest's flips. An mbochs flips when QEMU writes its Y_OFFSET register, BAR 2 + 0x512, with pwrite(2)
// on the device's descriptor. In the file that FLIPSTAMP names: a struct head, then a struct flip for every write of that register.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { room = 1 << 20, y_offset = 0x1000 + 0x512 };

// `time` before the write: nothing can show the frame sooner.
struct flip { uint64_t time, y; };
struct head { uint64_t count, unused; };

static struct head *head;
static struct flip *flips;
static ssize_t (*real)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void start(void) {
    real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    // A script that starts QEMU loads this library too.
    if (strncmp(program_invocation_short_name, "qemu-system", 11)) return;
    const char *path = getenv("FLIPSTAMP");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    size_t size = sizeof(struct head) + room * sizeof(struct flip);
    if (fd < 0 || ftruncate(fd, (off_t)size)) return;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return;
    head = at;
    flips = (struct flip *)(head + 1);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) {
    if (head && count == 2 && at == y_offset && head->count < room) {
        struct timespec t;
        uint16_t y;
        memcpy(&y, data, 2);
        clock_gettime(CLOCK_MONOTONIC, &t);
        flips[head->count] = (struct flip){(uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec, y};
        __atomic_store_n(&head->count, head->count + 1, __ATOMIC_RELEASE);
    }
    return real(fd, data, count, at);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t at) { return pwrite64(fd, data, count, at); }
