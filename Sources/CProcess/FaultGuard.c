// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <limits.h>
#include <stdatomic.h>

// Mapped memory that others rule over can go while it is read: a device's region during a reset or while its
// memory is disabled, a file that is cut short. The kernel tells that with SIGBUS, which ends a program. While
// a guard is up, this file's handler answers it instead: it puts empty pages in the place of the range, so that
// whoever reads goes on (a GL driver that holds locks too, which could not be jumped out of), and notes it.
//
// A process has one handler for a signal, and this is a library. So the handler stands only while something is
// guarded, everything outside of the guarded ranges goes to the handler that was there before, and that one is
// put back after. A handler that the program sets meanwhile stays.

enum { most_guards = 64 };

static struct {
  // 0 when nothing is guarded here. Set last and taken away first.
  atomic_uintptr_t start;
  atomic_uintptr_t end;
  atomic_int protection;
  // Counts the guards that this place has had; which of them was hit last.
  atomic_uint number, faulted;
  // Whose guard it is.
  _Atomic pthread_t owner;
  // Whether it is somebody's, under the lock, and whether that thread had the signal blocked.
  int is_taken, was_blocked;
} guards[most_guards];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int guard_count;
static struct sigaction earlier;
// Somebody has put a handler over ours and may hand on to it, so that ours must not be put over that one.
static int is_beneath;

static void pass_on(int signal, siginfo_t *info, void *context) {
  if (earlier.sa_flags & SA_SIGINFO) {
    earlier.sa_sigaction(signal, info, context);
    return;
  }
  if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) {
    earlier.sa_handler(signal);
    return;
  }
  int is_sent = info->si_code <= 0;
  if (is_sent && earlier.sa_handler == SIG_IGN) return;
  // A fault comes again as soon as this returns, and then ends the process, ignored or not.
  struct sigaction none = {.sa_handler = SIG_DFL};
  sigaction(signal, &none, NULL);
  if (is_sent) raise(signal);
}

static void on_bus_error(int signal, siginfo_t *info, void *context) {
  int error = errno, is_answered = 0;
  uintptr_t address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
  // A guard of this thread's own stays up as long as this runs. Another thread's, for which this one may be
  // reading, decides what is mapped anew only when there is none.
  for (int i = 0; address != 0 && !is_answered && i < 2 * most_guards; i++) {
    int own = i < most_guards, slot = i % most_guards;
    uintptr_t start = atomic_load(&guards[slot].start), end = atomic_load(&guards[slot].end);
    if (start == 0 || address < start || address >= end) continue;
    if (own && !pthread_equal(atomic_load(&guards[slot].owner), pthread_self())) continue;
    is_answered = mmap((void *)start, end - start, atomic_load(&guards[slot].protection),
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  // All that guard the range have lost it, as another thread may read it too.
  for (int i = 0; is_answered && i < most_guards; i++) {
    unsigned number = atomic_load(&guards[i].number);
    uintptr_t start = atomic_load(&guards[i].start), end = atomic_load(&guards[i].end);
    if (start != 0 && address >= start && address < end) atomic_store(&guards[i].faulted, number);
  }
  errno = error;
  if (!is_answered) pass_on(signal, info, context);
}

static int is_ours(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == on_bus_error;
}

static void install(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK}, found;
  action.sa_sigaction = on_bus_error;
  sigaction(SIGBUS, NULL, &found);
  // Somebody who saved it may have put it back: what was there before it still is.
  if (is_ours(&found)) return;
  // Over one that hands on to ours, ours would hand on to itself for ever.
  int is_earlier = found.sa_sigaction == earlier.sa_sigaction && found.sa_flags == earlier.sa_flags;
  if (is_beneath && !is_earlier) return;
  is_beneath = 0;
  earlier = found;
  sigaction(SIGBUS, &action, NULL);
}

static void uninstall(void) {
  struct sigaction found;
  sigaction(SIGBUS, &earlier, &found);
  if (is_ours(&found)) return;
  sigaction(SIGBUS, &found, NULL);
  is_beneath = 1;
}

long vgpu_guard(void *start, size_t length, int protection) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if ((uintptr_t)start % page != 0 || length == 0 || length > SIZE_MAX - page) return -EINVAL;
  pthread_mutex_lock(&lock);
  int number = 0;
  while (number < most_guards && guards[number].is_taken) number++;
  if (number == most_guards) {
    pthread_mutex_unlock(&lock);
    return -EAGAIN;
  }
  if (guard_count++ == 0) install();
  guards[number].is_taken = 1;
  pthread_mutex_unlock(&lock);

  // Never zero, which is what `faulted` begins with.
  if (atomic_fetch_add(&guards[number].number, 1) == UINT_MAX) atomic_store(&guards[number].number, 1);
  atomic_store(&guards[number].owner, pthread_self());
  atomic_store(&guards[number].protection, protection);
  atomic_store(&guards[number].end, (uintptr_t)start + (length + page - 1) / page * page);
  atomic_store(&guards[number].start, (uintptr_t)start);
  // One that was hit before this one was to be seen: its pages are empty for this one too.
  for (int i = 0; i < most_guards; i++)
    if (i != number && atomic_load(&guards[i].start) == (uintptr_t)start && vgpu_guard_has_faulted(i))
      atomic_store(&guards[number].faulted, atomic_load(&guards[number].number));
  // A thread that blocks the signal is ended by it, handler or not.
  sigset_t bus, before;
  sigemptyset(&bus);
  sigaddset(&bus, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &bus, &before);
  guards[number].was_blocked = sigismember(&before, SIGBUS);
  return number;
}

int vgpu_guard_has_faulted(long number) {
  return atomic_load(&guards[number].faulted) == atomic_load(&guards[number].number);
}

void vgpu_unguard(long number) {
  atomic_store(&guards[number].start, 0);
  if (guards[number].was_blocked) {
    sigset_t bus;
    sigemptyset(&bus);
    sigaddset(&bus, SIGBUS);
    pthread_sigmask(SIG_BLOCK, &bus, NULL);
  }
  pthread_mutex_lock(&lock);
  guards[number].is_taken = 0;
  if (--guard_count == 0) uninstall();
  pthread_mutex_unlock(&lock);
}
