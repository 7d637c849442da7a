// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// A change that a signal interrupts is half a change, and a user may send some to a program that runs with
// other rights than his: from a terminal, by a timer that exec(2) keeps, by a limit. Descriptors above his limit
// are none of what pkexec closes.
void vgpu_begin_as_helper(void) {
  close_range(3, ~0U, 0);
  // A file would get the number of a standard descriptor that is closed, and then what is printed.
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) _exit(EXIT_FAILURE);
  for (int number = 1; number < SIGRTMIN; number++) {
    // A fault is told; SIGCHLD that is ignored hides how children end.
    if (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGABRT ||
        number == SIGTRAP || number == SIGSYS || number == SIGCHLD)
      signal(number, SIG_DFL);
    else
      signal(number, SIG_IGN);
  }
  for (int number = SIGRTMIN; number <= SIGRTMAX; number++) signal(number, SIG_IGN);
  static const int lifted[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_AS, RLIMIT_NPROC, RLIMIT_LOCKS};
  struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
  for (size_t i = 0; i < sizeof lifted / sizeof *lifted; i++) setrlimit(lifted[i], &none);
  struct rlimit stack = {8 << 20, RLIM_INFINITY}, files = {1024, 4096}, core = {0, 0};
  setrlimit(RLIMIT_STACK, &stack);
  setrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_CORE, &core);
  umask(022);
  if (chdir("/") != 0) _exit(EXIT_FAILURE);
}
