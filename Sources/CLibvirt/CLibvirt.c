// SPDX-License-Identifier: Apache-2.0

#include "CLibvirt.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

// Every function with the library that it is in. The type of each pointer is that of the header's
// declaration, so the compiler checks every forwarding call.
#define FUNCTIONS(X)                   \
  X(core, virInitialize)               \
  X(core, virSetErrorFunc)             \
  X(core, virGetLastError)             \
  X(core, virConnectOpen)              \
  X(core, virConnectOpenReadOnly)      \
  X(core, virConnectClose)             \
  X(core, virConnectIsAlive)           \
  X(core, virConnectListAllDomains)    \
  X(core, virDomainLookupByName)       \
  X(core, virDomainLookupByUUIDString) \
  X(core, virDomainFree)               \
  X(core, virDomainGetName)            \
  X(core, virDomainGetUUIDString)      \
  X(core, virDomainIsActive)           \
  X(core, virDomainGetID)              \
  X(core, virDomainGetState)           \
  X(core, virDomainGetXMLDesc)         \
  X(core, virDomainCreate)             \
  X(core, virDomainOpenGraphicsFD)     \
  X(qemu, virDomainQemuMonitorCommand)

static struct {
#define POINTER(library, name) __typeof__(&name) name;
  FUNCTIONS(POINTER)
#undef POINTER
} libvirt;

// libvirt prints every error to stderr unless somebody takes it.
static void ignore(void *context, virErrorPtr error) {
  (void)context;
  (void)error;
}

static void *open_library(const char *name, char *reason, size_t size) {
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  // dlerror() names the file and what is wrong with it.
  if (library == NULL) snprintf(reason, size, "%s", dlerror());
  return library;
}

static bool find(void *library, const char *name, void *pointer, char *reason, size_t size) {
  void *function = dlsym(library, name);
  if (function == NULL) {
    snprintf(reason, size, "this libvirt has no %s", name);
    return false;
  }
  // POSIX's way from an object pointer to a function pointer.
  *(void **)pointer = function;
  return true;
}

bool vgpu_libvirt_load(char *reason, size_t size) {
  void *core = open_library("libvirt.so.0", reason, size);
  if (core == NULL) return false;
  void *qemu = open_library("libvirt-qemu.so.0", reason, size);
  if (qemu == NULL) return false;
#define FIND(library, name) \
  if (!find(library, #name, &libvirt.name, reason, size)) return false;
  FUNCTIONS(FIND)
#undef FIND
  if (libvirt.virInitialize() != 0) {
    virErrorPtr error = libvirt.virGetLastError();
    snprintf(
        reason, size, "virInitialize: %s",
        error != NULL && error->message != NULL ? error->message : "failed");
    return false;
  }
  libvirt.virSetErrorFunc(NULL, ignore);
  return true;
}

// libvirt writes to its daemon's socket as it is: where the daemon has gone, the kernel would end
// the process. The signal is the writing thread's own, so it is blocked and taken there.
typedef struct {
  sigset_t before;
  bool was_pending;
} quiet;

static sigset_t pipe_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static quiet begin_quiet(void) {
  quiet state;
  sigset_t pending, set = pipe_signal();
  sigpending(&pending);
  state.was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &set, &state.before);
  return state;
}

static void end_quiet(quiet state) {
  sigset_t set = pipe_signal();
  struct timespec now = {0, 0};
  // One that was there before is not ours to take.
  if (!state.was_pending) sigtimedwait(&set, NULL, &now);
  pthread_sigmask(SIG_SETMASK, &state.before, NULL);
}

#define QUIETLY(call)                 \
  do {                                \
    quiet quiet_ = begin_quiet();     \
    __typeof__(call) answer_ = call;  \
    end_quiet(quiet_);                \
    return answer_;                   \
  } while (0)

virErrorPtr vgpu_virGetLastError(void) { return libvirt.virGetLastError(); }

virConnectPtr vgpu_virConnectOpen(const char *uri) {
  QUIETLY(libvirt.virConnectOpen(uri));
}
virConnectPtr vgpu_virConnectOpenReadOnly(const char *uri) {
  QUIETLY(libvirt.virConnectOpenReadOnly(uri));
}
int vgpu_virConnectClose(virConnectPtr connection) {
  QUIETLY(libvirt.virConnectClose(connection));
}
int vgpu_virConnectIsAlive(virConnectPtr connection) {
  QUIETLY(libvirt.virConnectIsAlive(connection));
}
int vgpu_virConnectListAllDomains(
    virConnectPtr connection, virDomainPtr **domains, unsigned int flags) {
  QUIETLY(libvirt.virConnectListAllDomains(connection, domains, flags));
}

virDomainPtr vgpu_virDomainLookupByName(virConnectPtr connection, const char *name) {
  QUIETLY(libvirt.virDomainLookupByName(connection, name));
}
virDomainPtr vgpu_virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid) {
  QUIETLY(libvirt.virDomainLookupByUUIDString(connection, uuid));
}
int vgpu_virDomainFree(virDomainPtr domain) {
  QUIETLY(libvirt.virDomainFree(domain));
}
const char *vgpu_virDomainGetName(virDomainPtr domain) { return libvirt.virDomainGetName(domain); }
int vgpu_virDomainGetUUIDString(virDomainPtr domain, char *text) {
  return libvirt.virDomainGetUUIDString(domain, text);
}
unsigned int vgpu_virDomainGetID(virDomainPtr domain) { return libvirt.virDomainGetID(domain); }
int vgpu_virDomainIsActive(virDomainPtr domain) {
  QUIETLY(libvirt.virDomainIsActive(domain));
}
int vgpu_virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags) {
  QUIETLY(libvirt.virDomainGetState(domain, state, reason, flags));
}
char *vgpu_virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags) {
  QUIETLY(libvirt.virDomainGetXMLDesc(domain, flags));
}
int vgpu_virDomainCreate(virDomainPtr domain) { QUIETLY(libvirt.virDomainCreate(domain)); }
int vgpu_virDomainOpenGraphicsFD(virDomainPtr domain, unsigned int index, unsigned int flags) {
  QUIETLY(libvirt.virDomainOpenGraphicsFD(domain, index, flags));
}
int vgpu_virDomainQemuMonitorCommand(
    virDomainPtr domain, const char *command, char **result, unsigned int flags) {
  QUIETLY(libvirt.virDomainQemuMonitorCommand(domain, command, result, flags));
}
