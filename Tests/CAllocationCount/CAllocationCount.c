// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CAllocationCount.h"

#include <dlfcn.h>
#include <stddef.h>

// The sanitizers bring an allocator of their own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

int allocations_are_counted(void) { return 0; }
unsigned long allocation_count(void) { return 0; }
unsigned long swift_allocation_count(void) { return 0; }

#else

int allocations_are_counted(void) { return 1; }

// glibc's own names for what it does behind malloc() and its kin.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

// initial-exec: the general model may itself allocate at a thread's first access.
static __thread unsigned long count __attribute__((tls_model("initial-exec")));

unsigned long allocation_count(void) { return count; }

// What Swift's compiled code calls for its objects, in libswiftCore.
static __thread unsigned long swift_count __attribute__((tls_model("initial-exec")));

unsigned long swift_allocation_count(void) { return swift_count; }

void *swift_allocObject(const void *metadata, size_t size, size_t alignment_mask) {
  static void *(*next)(const void *, size_t, size_t);
  if (next == NULL) {
    // Two threads may both look; they find the same.
    *(void **)&next = dlsym(RTLD_NEXT, "swift_allocObject");
  }
  swift_count++;
  return next(metadata, size, alignment_mask);
}

void *swift_slowAlloc(size_t size, size_t alignment_mask) {
  static void *(*next)(size_t, size_t);
  if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, "swift_slowAlloc");
  swift_count++;
  return next(size, alignment_mask);
}

void *malloc(size_t size) {
  count++;
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  count++;
  return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size) {
  count++;
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory == NULL ? 12 : 0;
}

#endif
