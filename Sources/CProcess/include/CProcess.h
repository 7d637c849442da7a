// SPDX-License-Identifier: Apache-2.0
//
// What a process does where Swift's runtime may not run: in a signal handler, in a forked child, on a
// thread that has its own descriptors; how it starts others; how it gives its privileges up.

#ifndef C_PROCESS_H
#define C_PROCESS_H

#include "CLinux.h"

// ---- the start -----------------------------------------------------------------------------------

/// posix_spawn(3), in a session of its own unless `keeps_session`: stdin from /dev/null, stdout at `output`,
/// stderr at `errors`, `sources[i]` as descriptor 3 + i, and no other. Each may be any number, 0 to 2 too. No
/// signal is blocked or ignored: Swift's threads block some, which a child would inherit. Returns 0 or an errno.
int vgpu_spawn(const char *path, char *const *arguments, int output, int errors,
               const int *sources, size_t count, int keeps_session, int *pid);

/// The first thing that a program does which runs as root for a user: opens closed standard descriptors, lets no
/// signal or limit of the user's interrupt it, goes to `/`. Ends the program when it cannot.
void vgpu_begin_as_helper(void);

// ---- privileges ----------------------------------------------------------------------------------

/// Becomes another user for good: his groups, no way back, of the capabilities only those whose bits
/// are set in `keep`, and no new privileges (PR_SET_NO_NEW_PRIVS). For a process with one thread.
long vgpu_become(const char *name, uint32_t user, uint32_t group, uint64_t keep);

// ---- the end -------------------------------------------------------------------------------------

/// sigaction(2): from now on SIGTERM, SIGINT and SIGHUP, blocked until now or not, add one to an eventfd, of
/// which this keeps a duplicate for good. SIGHUP stays ignored where it is. To be called once. 0, or a
/// negated errno.
long vgpu_tell_of_end_signals(int fd);

/// Forks a process that removes a socket's file as soon as this process has ended, however it ends:
/// vgpu_unlink_socket, with the rights that this process has now and without capabilities. Returns a
/// descriptor that this process keeps open until then, or a negated errno.
long vgpu_unlink_socket_at_end(int folder, const char *name, const struct vgpu_file *file);

/// Closes sockets whose messages may hold the last descriptors of something that lingers (SO_LINGER),
/// without waiting for it: nothing lingers that is closed by an exit (socket(7)). So a thread takes
/// copies of this process's descriptors and ends, after this process has closed its own. 0, or a negated
/// errno when there is no thread; the sockets are open then.
long vgpu_close_at_exit(const int *sockets, size_t count);

/// Has a process's orderly end (exit(3)) write `value` at `offset` of a duplicate of `fd`, as a
/// guest's monitor is plugged in again. Returns a number for vgpu_forget_at_end, or a negated errno;
/// ENOSPC when there are too many.
long vgpu_write_at_end(int fd, uint64_t offset, uint32_t value);

/// Takes that back.
void vgpu_forget_at_end(long number);

/// sigaction(2): from now on a signal that ends the process does the same first. Who handles a fault's
/// gets it after that; other signals that are handled or ignored are left alone. 0, or a negated errno.
long vgpu_write_at_end_signals(void);

// ---- mapped memory that may go while it is read ----------------------------------------------------

/// From now on, until `vgpu_unguard`, a fault within a mapping (SIGBUS) puts empty pages in its place and
/// is noted, instead of ending the process. `start` is on a page; `protection` is the mapping's. To be
/// ended on the same thread. Returns the guard's number, or a negated errno: EAGAIN when 64 are up.
long vgpu_guard(void *start, size_t length, int protection);

/// Whether the memory went: then what was read is nothing, and the mapping is of empty pages.
int vgpu_guard_has_faulted(long number);

/// Ends a guard.
void vgpu_unguard(long number);

#endif
