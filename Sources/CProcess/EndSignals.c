// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <pthread.h>
#include <signal.h>

// Written before the handler can run, and never again.
static int end_signals = -1;

static void tell_of_end(int signal) {
  (void)signal;
  int error = errno;
  eventfd_write(end_signals, 1);
  errno = error;
}

static int is_ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

long vgpu_tell_of_end_signals(int fd) {
  struct sigaction action = {.sa_handler = tell_of_end, .sa_flags = SA_RESTART};
  if (end_signals >= 0) return -EALREADY;
  end_signals = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (end_signals < 0 || sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0)
    return -(long)errno;
  // nohup(1) has it ignored.
  if (!is_ignored(SIGHUP) && sigaction(SIGHUP, &action, NULL) < 0) return -(long)errno;
  // Whoever started this may have left them blocked, as Swift's threads do.
  sigset_t all;
  sigemptyset(&all);
  sigaddset(&all, SIGTERM);
  sigaddset(&all, SIGINT);
  sigaddset(&all, SIGHUP);
  return -(long)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}
