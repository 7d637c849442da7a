// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

// What is still to be written when the process ends. A signal handler reads it at any moment, so a
// slot is in use exactly while its descriptor is not negative, and that is set last and taken first.
struct slot {
  _Atomic int fd;
  uint64_t offset;
  uint32_t value;
};

enum { slots = 64 };
static struct slot at_end[slots];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void write_all(void) {
  for (int i = 0; i < slots; i++) {
    int fd = atomic_load(&at_end[i].fd);
    if (fd < 0) continue;
    // Before the slot is given up, as another thread may fill it at once.
    uint64_t offset = at_end[i].offset;
    uint32_t value = at_end[i].value;
    if (!atomic_compare_exchange_strong(&at_end[i].fd, &fd, -1)) continue;
    // Nobody is left to be told of a failure.
    ssize_t written = pwrite(fd, &value, sizeof value, (off_t)offset);
    (void)written;
  }
}

static void begin(void) {
  for (int i = 0; i < slots; i++) atomic_store(&at_end[i].fd, -1);
  atexit(write_all);
}

long vgpu_write_at_end(int fd, uint64_t offset, uint32_t value) {
  pthread_once(&once, begin);
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return -(long)errno;
  long number = -ENOSPC;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < slots && number < 0; i++) {
    if (atomic_load(&at_end[i].fd) >= 0) continue;
    at_end[i].offset = offset;
    at_end[i].value = value;
    atomic_store(&at_end[i].fd, copy);
    number = i;
  }
  pthread_mutex_unlock(&lock);
  if (number < 0) close(copy);
  return number;
}

void vgpu_forget_at_end(long number) {
  if (number < 0 || number >= slots) return;
  int fd = atomic_exchange(&at_end[number].fd, -1);
  if (fd >= 0) close(fd);
}

// Those that a fault raises, which a language's runtime may handle to tell about it, and the others.
static const int faults[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
static const int requests[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU};
static struct sigaction before[NSIG];

static void on_end(int signal, siginfo_t *info, void *context) {
  (void)context;
  write_all();
  // Whoever handled it before, or the default, which ends the process, as soon as this returns. A
  // fault happens again by itself, with all that is told of it; a signal that was sent does not.
  sigaction(signal, &before[signal], NULL);
  int is_fault = signal == SIGILL || signal == SIGTRAP || signal == SIGBUS || signal == SIGFPE ||
                 signal == SIGSEGV;
  if (!is_fault || info->si_code <= 0) raise(signal);
}

static long handle(int signal, int even_if_handled) {
  struct sigaction action = {.sa_sigaction = on_end, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (sigaction(signal, NULL, &before[signal]) < 0) return -(long)errno;
  int is_handled = before[signal].sa_handler != SIG_DFL;
  if (is_handled && (!even_if_handled || before[signal].sa_handler == SIG_IGN)) return 0;
  return vgpu_result(sigaction(signal, &action, NULL));
}

long vgpu_write_at_end_signals(void) {
  static atomic_flag is_done = ATOMIC_FLAG_INIT;
  pthread_once(&once, begin);
  if (atomic_flag_test_and_set(&is_done)) return 0;
  long answer = 0;
  for (size_t i = 0; i < sizeof faults / sizeof *faults && answer == 0; i++)
    answer = handle(faults[i], 1);
  for (size_t i = 0; i < sizeof requests / sizeof *requests && answer == 0; i++)
    answer = handle(requests[i], 0);
  return answer;
}
