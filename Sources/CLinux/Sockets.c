// SPDX-License-Identifier: Apache-2.0
//
// Sockets that keep messages apart (SOCK_SEQPACKET), and their files.
#define _GNU_SOURCE
#include "CLinux.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

long vgpu_unix_listen(int socket, int folder, const char *path, const char *name,
                      struct vgpu_file *file) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  if (bind(socket, (const struct sockaddr *)&address, sizeof(address)) < 0) return -(long)errno;
  // What is there now is looked at before its mode is changed: never that of what a link leads to.
  int made = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (made < 0) return -(long)errno;
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", made);
  struct stat status;
  long error = 0;
  if (fstat(made, &status) < 0) {
    error = -(long)errno;
  } else if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
    error = -ESTALE;
  } else {
    *file = (struct vgpu_file){.device = status.st_dev, .number = status.st_ino};
    if (chmod(link, 0666) < 0 || listen(socket, SOMAXCONN) < 0) {
      error = -(long)errno;
      vgpu_unlink_socket(folder, name, file);
    }
  }
  close(made);
  return error;
}

long vgpu_find_socket(int folder, const char *name, struct vgpu_file *file) {
  struct stat status;
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return -(long)errno;
  if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
  *file = (struct vgpu_file){.device = status.st_dev, .number = status.st_ino};
  return 0;
}

long vgpu_unlink_socket(int folder, const char *name, const struct vgpu_file *file) {
  struct vgpu_file found;
  long error = vgpu_find_socket(folder, name, &found);
  if (error < 0) return error;
  if (found.device != file->device || found.number != file->number) return -ESTALE;
  return vgpu_result(unlinkat(folder, name, 0));
}

long vgpu_adopt_listener(int fd) {
  int type = 0, domain = 0, listens = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return -(long)errno;
  size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0) return -(long)errno;
  size = sizeof listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0) return -(long)errno;
  if (type != SOCK_SEQPACKET || domain != AF_UNIX || !listens) return -EPROTOTYPE;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -(long)errno;
  return vgpu_result(fcntl(fd, F_SETFD, FD_CLOEXEC));
}

long vgpu_accept(int socket) {
  return vgpu_result(accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

long vgpu_peer(int socket, uint32_t *user, uint32_t *group, int32_t *process) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -(long)errno;
  *user = peer.uid;
  *group = peer.gid;
  *process = peer.pid;
  return 0;
}

long vgpu_peer_groups(int socket, uint32_t *groups, size_t count) {
  socklen_t size = (socklen_t)(count * sizeof *groups);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) return -(long)errno;
  return (long)(size / sizeof *groups);
}

long vgpu_least_send_buffer(int socket) {
  int least = 0;
  return vgpu_result(setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &least, sizeof least));
}

long vgpu_receive_alone(int socket, void *bytes, size_t length, int *descriptors) {
  struct iovec part = {.iov_base = bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  *descriptors = 0;
  // Without room for descriptors their message is marked as cut.
  long count = vgpu_result(recvmsg(socket, &message, MSG_PEEK));
  if (count < 0) return count;
  *descriptors = (message.msg_flags & MSG_CTRUNC) != 0;
  return *descriptors ? count : vgpu_result(recv(socket, bytes, length, 0));
}

long vgpu_notify(const char *path, const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  long fd = vgpu_result(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return fd;
  long sent = vgpu_result(sendto(
      (int)fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)));
  close((int)fd);
  return sent;
}
