// SPDX-License-Identifier: Apache-2.0
//
// The kernel ABI as C sees it: what Swift cannot import from the kernel's headers by itself
// (ioctl numbers built by function-like macros, variadic calls) and what the headers of a
// supported distribution are too old to declare.
#ifndef C_LINUX_H
#define C_LINUX_H


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <linux/memfd.h>
#include <linux/types.h>
#include <linux/udmabuf.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---- ioctl numbers -------------------------------------------------------------------------
// Exported as constants by the C compiler: Swift does not import macros that call other macros,
// and rebuilding _IOC() in Swift has gone wrong elsewhere (its direction bits are easy to swap).

extern const unsigned long vgpu_VFIO_GET_API_VERSION;
extern const unsigned long vgpu_VFIO_CHECK_EXTENSION;
extern const unsigned long vgpu_VFIO_SET_IOMMU;
extern const unsigned long vgpu_VFIO_GROUP_GET_STATUS;
extern const unsigned long vgpu_VFIO_GROUP_SET_CONTAINER;
extern const unsigned long vgpu_VFIO_GROUP_UNSET_CONTAINER;
extern const unsigned long vgpu_VFIO_GROUP_GET_DEVICE_FD;
extern const unsigned long vgpu_VFIO_DEVICE_GET_INFO;
extern const unsigned long vgpu_VFIO_DEVICE_GET_REGION_INFO;
extern const unsigned long vgpu_VFIO_DEVICE_GET_IRQ_INFO;
extern const unsigned long vgpu_VFIO_DEVICE_SET_IRQS;
extern const unsigned long vgpu_VFIO_DEVICE_RESET;
extern const unsigned long vgpu_VFIO_DEVICE_GET_PCI_HOT_RESET_INFO;
extern const unsigned long vgpu_VFIO_DEVICE_PCI_HOT_RESET;
extern const unsigned long vgpu_VFIO_DEVICE_QUERY_GFX_PLANE;
extern const unsigned long vgpu_VFIO_DEVICE_GET_GFX_DMABUF;
extern const unsigned long vgpu_VFIO_DEVICE_IOEVENTFD;
extern const unsigned long vgpu_VFIO_DEVICE_FEATURE;
extern const unsigned long vgpu_VFIO_DEVICE_BIND_IOMMUFD;
extern const unsigned long vgpu_VFIO_DEVICE_ATTACH_IOMMUFD_PT;
extern const unsigned long vgpu_VFIO_DEVICE_DETACH_IOMMUFD_PT;
extern const unsigned long vgpu_VFIO_MIG_GET_PRECOPY_INFO;
extern const unsigned long vgpu_VFIO_IOMMU_GET_INFO;
extern const unsigned long vgpu_VFIO_IOMMU_MAP_DMA;
extern const unsigned long vgpu_VFIO_IOMMU_UNMAP_DMA;

extern const unsigned long vgpu_IOMMU_DESTROY;
extern const unsigned long vgpu_IOMMU_IOAS_ALLOC;
extern const unsigned long vgpu_IOMMU_IOAS_IOVA_RANGES;
extern const unsigned long vgpu_IOMMU_IOAS_MAP;
extern const unsigned long vgpu_IOMMU_IOAS_UNMAP;
extern const unsigned long vgpu_IOMMU_IOAS_ALLOW_IOVAS;
extern const unsigned long vgpu_IOMMU_IOAS_COPY;
extern const unsigned long vgpu_IOMMU_OPTION;
extern const unsigned long vgpu_IOMMU_GET_HW_INFO;
extern const unsigned long vgpu_IOMMU_IOAS_MAP_FILE;
extern const unsigned long vgpu_IOMMU_IOAS_CHANGE_PROCESS;

extern const unsigned long vgpu_DMA_BUF_IOCTL_SYNC;
extern const unsigned long vgpu_UDMABUF_CREATE;
extern const unsigned long vgpu_KVM_CREATE_VM;
extern const unsigned long vgpu_KVM_CREATE_DEVICE;
extern const unsigned long vgpu_KVM_SET_DEVICE_ATTR;
extern const unsigned long vgpu_KVM_CREATE_IRQCHIP;
extern const unsigned long vgpu_KVM_IRQFD;

// glibc hides these behind _GNU_SOURCE, which a header cannot ask for on Swift's behalf.
extern const int vgpu_O_PATH;
extern const int vgpu_POLLRDHUP;
extern const int vgpu_F_ADD_SEALS;
extern const int vgpu_F_SEAL_SHRINK;
extern const int vgpu_F_SEAL_GROW;
extern const int vgpu_F_SEAL_FUTURE_WRITE;
extern const int vgpu_F_GET_SEALS;

// `<linux/magic.h>` has them behind other macros' names, some only since Linux 5.3.
enum {
  vgpu_ANON_INODE_FS_MAGIC = 0x09041934,
  vgpu_DMA_BUF_MAGIC = 0x444d4142,
};

/// fstatfs(2): the type of the file system that a descriptor's file is of. Negated errno on failure.
static inline long vgpu_file_system(int fd) {
  struct statfs status;
  if (fstatfs(fd, &status) < 0) return -(long)errno;
  return (long)(uint32_t)status.f_type;
}

// ---- structures that Debian 12's headers (Linux 6.1) do not have ------------------------------
// Layouts are part of the kernel's user ABI and never change; new fields are only appended, with
// `argsz`/`size` telling how many bytes the caller knows.

/// Flag of `vfio_pci_hot_reset_info` (Linux 6.6): the devices are told by ids of an iommufd's, not by groups.
static const uint32_t vgpu_VFIO_PCI_HOT_RESET_FLAG_DEV_ID = 1 << 0;
/// Of such ids: the iommufd's without being open, and somebody else's.
static const int32_t vgpu_VFIO_PCI_DEVID_OWNED = 0;
static const int32_t vgpu_VFIO_PCI_DEVID_NOT_OWNED = -1;

/// Argument of VFIO_DEVICE_BIND_IOMMUFD (Linux 6.6).
struct vgpu_vfio_bind_iommufd {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t out_devid;
};

/// The same with a token (after Linux 6.12), 16 bytes at an address.
struct vgpu_vfio_bind_iommufd_token {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t out_devid;
  uint64_t token_uuid_ptr;
};
enum { vgpu_VFIO_DEVICE_BIND_FLAG_TOKEN = 1 << 0 };

/// Argument of VFIO_DEVICE_ATTACH_IOMMUFD_PT (Linux 6.6).
struct vgpu_vfio_attach_iommufd_pt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;
};

/// The same for one PASID of the device's (after Linux 6.12).
struct vgpu_vfio_attach_iommufd_pasid {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;
  uint32_t pasid;
};
enum { vgpu_VFIO_DEVICE_ATTACH_PASID = 1 << 0 };

/// Argument of VFIO_DEVICE_DETACH_IOMMUFD_PT (Linux 6.6).
struct vgpu_vfio_detach_iommufd_pt {
  uint32_t argsz;
  uint32_t flags;
};

/// The same for one PASID of the device's (after Linux 6.12).
struct vgpu_vfio_detach_iommufd_pasid {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pasid;
};
enum { vgpu_VFIO_DEVICE_DETACH_PASID = 1 << 0 };

/// Argument of VFIO_MIG_GET_PRECOPY_INFO (Linux 6.2).
struct vgpu_vfio_precopy_info {
  uint32_t argsz;
  uint32_t flags;
  uint64_t initial_bytes;
  uint64_t dirty_bytes;
};

/// The structure of VFIO_DEVICE_FEATURE_DMA_BUF (after Linux 6.12); ranges follow.
struct vgpu_vfio_device_feature_dma_buf {
  uint32_t region_index;
  uint32_t open_flags;
  uint32_t flags;
  uint32_t nr_ranges;
};
struct vgpu_vfio_region_dma_range {
  uint64_t offset;
  uint64_t length;
};

/// A capability of VFIO_DEVICE_GET_INFO (after Linux 6.1).
enum { vgpu_VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP = 5 };

/// Argument of IOMMU_DESTROY (Linux 6.2).
struct vgpu_iommu_destroy {
  uint32_t size;
  uint32_t id;
};

/// Argument of IOMMU_IOAS_ALLOC (Linux 6.2).
struct vgpu_iommu_ioas_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t out_ioas_id;
};

/// One usable range of IO virtual addresses, both ends included.
struct vgpu_iommu_iova_range {
  uint64_t start;
  uint64_t last;
};

/// Argument of IOMMU_IOAS_IOVA_RANGES (Linux 6.2).
struct vgpu_iommu_ioas_iova_ranges {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t reserved;
  uint64_t allowed_iovas;
  uint64_t out_iova_alignment;
};

/// Argument of IOMMU_IOAS_MAP (Linux 6.2).
struct vgpu_iommu_ioas_map {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t reserved;
  uint64_t user_va;
  uint64_t length;
  uint64_t iova;
};

/// Argument of IOMMU_IOAS_UNMAP (Linux 6.2).
struct vgpu_iommu_ioas_unmap {
  uint32_t size;
  uint32_t ioas_id;
  uint64_t iova;
  uint64_t length;
};

/// Argument of IOMMU_IOAS_ALLOW_IOVAS (Linux 6.2).
struct vgpu_iommu_ioas_allow_iovas {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t reserved;
  uint64_t allowed_iovas;
};

/// Argument of IOMMU_IOAS_COPY (Linux 6.2).
struct vgpu_iommu_ioas_copy {
  uint32_t size;
  uint32_t flags;
  uint32_t dst_ioas_id;
  uint32_t src_ioas_id;
  uint64_t length;
  uint64_t dst_iova;
  uint64_t src_iova;
};

/// Argument of IOMMU_IOAS_MAP_FILE (after Linux 6.12).
struct vgpu_iommu_ioas_map_file {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  int32_t fd;
  uint64_t start;
  uint64_t length;
  uint64_t iova;
};

/// Argument of IOMMU_IOAS_CHANGE_PROCESS (after Linux 6.12).
struct vgpu_iommu_ioas_change_process {
  uint32_t size;
  uint32_t reserved;
};

/// Argument of IOMMU_OPTION (Linux 6.2).
struct vgpu_iommu_option {
  uint32_t size;
  uint32_t option_id;
  uint16_t op;
  uint16_t reserved;
  uint32_t object_id;
  uint64_t val64;
};
enum { vgpu_IOMMU_OPTION_OP_SET = 0, vgpu_IOMMU_OPTION_OP_GET = 1 };

/// Argument of IOMMU_GET_HW_INFO (Linux 6.6; the width of PASIDs later).
struct vgpu_iommu_hw_info {
  uint32_t size;
  uint32_t flags;
  uint32_t dev_id;
  uint32_t data_len;
  uint64_t data_uptr;
  uint32_t out_data_type;
  uint8_t out_max_pasid_log2;
  uint8_t reserved[3];
  uint64_t out_capabilities;
};

enum {
  vgpu_IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,
  vgpu_IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
  vgpu_IOMMU_IOAS_MAP_READABLE = 1 << 2,
};

// ---- KVM's pseudo-devices ------------------------------------------------------------------------
// `<linux/kvm.h>` is large, and its names for VFIO's files changed with Linux 6.6.

/// Argument of KVM_CREATE_DEVICE.
struct vgpu_kvm_create_device {
  uint32_t type;
  uint32_t fd;
  uint32_t flags;
};

/// Argument of KVM_SET_DEVICE_ATTR.
struct vgpu_kvm_device_attr {
  uint32_t flags;
  uint32_t group;
  uint64_t attr;
  uint64_t addr;
};

/// Argument of KVM_IRQFD.
struct vgpu_kvm_irqfd {
  uint32_t fd;
  uint32_t gsi;
  uint32_t flags;
  uint32_t resamplefd;
  uint8_t pad[16];
};

enum {
  vgpu_KVM_IRQFD_FLAG_DEASSIGN = 1 << 0,
  vgpu_KVM_IRQFD_FLAG_RESAMPLE = 1 << 1,
  vgpu_KVM_DEV_TYPE_VFIO = 4,
  vgpu_KVM_DEV_VFIO_FILE = 1,
  vgpu_KVM_DEV_VFIO_FILE_ADD = 1,
  vgpu_KVM_DEV_VFIO_FILE_DEL = 2,
};

/// VFIO_DEVICE_FLAGS_CDX (Linux 6.4), the newest device flag.
enum { vgpu_VFIO_DEVICE_FLAGS_CDX = 1 << 8 };

// ---- calls that Swift cannot make ---------------------------------------------------------------
// ioctl() and open() are variadic in C, which Swift does not import; pidfd_open() and
// pidfd_getfd() have no wrapper in Debian 12's glibc. Each returns the kernel's answer, or the
// negated errno, so that no second call has to fetch it.

static inline long vgpu_result(long answer) { return answer < 0 ? -(long)errno : answer; }

static inline long vgpu_open(const char *path, int flags) {
  return vgpu_result(open(path, flags));
}

static inline long vgpu_ioctl(int fd, unsigned long request, void *argument) {
  return vgpu_result(ioctl(fd, request, argument));
}

/// opendir(3), with errno beside it: Swift cannot read errno before its own runtime may change it.
struct vgpu_directory {
  DIR *directory;
  int error;
};

static inline struct vgpu_directory vgpu_opendir(const char *path) {
  DIR *directory = opendir(path);
  return (struct vgpu_directory){directory, directory == NULL ? errno : 0};
}

static inline long vgpu_fcntl(int fd, int command, long argument) {
  return vgpu_result(fcntl(fd, command, argument));
}

static inline long vgpu_pidfd_open(int pid) {
#ifdef SYS_pidfd_open
  return vgpu_result(syscall(SYS_pidfd_open, pid, 0));
#else
  return -ENOSYS;
#endif
}

static inline long vgpu_pidfd_getfd(int pidfd, int fd) {
#ifdef SYS_pidfd_getfd
  return vgpu_result(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
#else
  return -ENOSYS;
#endif
}

/// pidfd_send_signal(2).
static inline long vgpu_pidfd_send_signal(int pidfd, int signal) {
#ifdef SYS_pidfd_send_signal
  return vgpu_result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
#else
  return -ENOSYS;
#endif
}

/// waitid(2) with P_PIDFD: 1 when the child has ended, 0 when it runs (with WNOHANG), or a negated
/// errno. `*by_signal` tells what `*status` is: a signal, or an exit code.
long vgpu_wait_for_end(int pidfd, int options, int *by_signal, int *status);

static inline long vgpu_memfd_create(const char *name, unsigned int flags) {
  return vgpu_result(syscall(SYS_memfd_create, name, flags));
}

/// sched_setaffinity(2), which glibc hides from Swift: a mask of `size` bytes, one bit a processor.
static inline long vgpu_set_affinity(int thread, const void *mask, size_t size) {
  return vgpu_result(syscall(SYS_sched_setaffinity, thread, size, mask));
}

/// sched_getaffinity(2), likewise. Returns how many bytes the kernel has written.
static inline long vgpu_get_affinity(int thread, void *mask, size_t size) {
  return vgpu_result(syscall(SYS_sched_getaffinity, thread, size, mask));
}

/// errno as the C library left it; for calls whose wrappers Swift imports by themselves.
static inline int vgpu_last_errno(void) { return errno; }

/// Sends `length` bytes and, when `fd` is not negative, that descriptor (SCM_RIGHTS).
long vgpu_send_fd(int socket, const void *bytes, size_t length, int fd);

/// The most descriptors that one message can have (SCM_MAX_FD).
enum { vgpu_most_descriptors = 253 };

/// Receives up to `length` bytes, and all descriptors that came with them, close-on-exec from birth.
/// `fds` has room for `vgpu_most_descriptors`; `*count` is how many came. Returns the byte count.
long vgpu_receive_fds(int socket, void *bytes, size_t length, int *fds, size_t *count);

// ---- a connection to a socket, and the thread that owns it ---------------------------------------

static inline long vgpu_unix_socket(void) {
  return vgpu_result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// connect(2) to a path; one that does not fit into an address is ENAMETOOLONG.
long vgpu_unix_connect(int socket, const char *path);

/// send(2) that neither waits nor raises SIGPIPE.
static inline long vgpu_send(int socket, const void *bytes, size_t length) {
  return vgpu_result(send(socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/// recv(2) that does not wait.
static inline long vgpu_receive(int socket, void *bytes, size_t length) {
  return vgpu_result(recv(socket, bytes, length, MSG_DONTWAIT));
}

// ---- sockets that keep messages apart (SOCK_SEQPACKET) --------------------------------------------

static inline long vgpu_packet_socket(void) {
  return vgpu_result(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Which file of a file system: by this a name is known to lead to the same one still.
struct vgpu_file {
  uint64_t device;
  uint64_t number;
};

/// bind(2) to a path and listen(2). The file is everybody's to connect to: who is let in is decided
/// by credentials. Nobody can connect before that has been settled.
///
/// `folder` is the path's folder, opened, in which nobody else can exchange a file; `name` is the rest
/// of the path. `*file` becomes the socket's file.
long vgpu_unix_listen(int socket, int folder, const char *path, const char *name,
                      struct vgpu_file *file);

/// fstatat(2): which file has this name, if it is a socket; ENOTSOCK when it is none, also a link to
/// one.
long vgpu_find_socket(int folder, const char *name, struct vgpu_file *file);

/// unlinkat(2), if the name still leads to that socket; ESTALE when it does not.
long vgpu_unlink_socket(int folder, const char *name, const struct vgpu_file *file);

/// Whether a descriptor is a listening Unix socket of type SOCK_SEQPACKET; makes it close-on-exec and
/// never wait. 0, or a negated errno.
long vgpu_adopt_listener(int fd);

/// accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK.
long vgpu_accept(int socket);

/// recv(2) of a message without descriptors. One that has some stays where it is (MSG_PEEK), and
/// `*descriptors` is 1: whoever takes them has them to close, which can take as long as the sender
/// likes. Returns the byte count, or a negated errno.
long vgpu_receive_alone(int socket, void *bytes, size_t length, int *descriptors);

/// SO_PEERCRED: whose process connected.
long vgpu_peer(int socket, uint32_t *user, uint32_t *group, int32_t *process);

/// SO_PEERGROUPS: its supplementary groups, up to `count`. Returns how many, or a negated errno.
long vgpu_peer_groups(int socket, uint32_t *groups, size_t count);

/// SO_SNDBUF: as little as the kernel allows, so that a peer that does not read is noticed after a
/// few messages.
long vgpu_least_send_buffer(int socket);

/// sendmsg(2) of a text to systemd's notification socket; one that begins with `@` is abstract.
long vgpu_notify(const char *socket, const char *text);

/// What statx(2) tells of a file's identity.
struct vgpu_file_status {
  uint32_t mode;
  uint32_t device_major;
  uint32_t device_minor;
  /// Zero where Linux does not tell it (before 5.8).
  uint64_t mount;
  /// The number of the file system; no two of them have the same.
  uint64_t file_system;
  uint64_t inode;
};

/// statx(2) of a path, to the end of all links, or of a descriptor where the path is empty. Whoever
/// serves the file system (FUSE, NFS) is not asked: he may be hostile and never answer.
long vgpu_file_status(int descriptor, const char *path, struct vgpu_file_status *status);

/// kcmp(2): 0 when descriptor `first` of this process and descriptor `second` of another are of the
/// same open file, above zero when they are not, or a negated errno.
long vgpu_compare_files(int first, int process, int second);

/// open(2) for reading, of a plain file and of nothing else: to open a device can do something. A
/// descriptor, close-on-exec, or a negated errno; EINVAL for what is no plain file.
long vgpu_open_plain_file(const char *path);

// ---- timers, events and threads -------------------------------------------------------------------

static inline long vgpu_eventfd(void) { return vgpu_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

/// socketpair(2) of two connected Unix stream sockets, close-on-exec.
static inline long vgpu_socket_pair(int sockets[2]) {
  return vgpu_result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
}

/// epoll_create1(2): a descriptor that is readable when another one has an event.
static inline long vgpu_epoll(void) { return vgpu_result(epoll_create1(EPOLL_CLOEXEC)); }

/// epoll_ctl(2) with EPOLL_CTL_ADD: waits for the other side to close (EPOLLRDHUP), not for bytes.
long vgpu_epoll_add_hangup(int epoll, int fd);

/// epoll_ctl(2) with EPOLL_CTL_ADD: waits until a descriptor is readable (EPOLLIN). -EEXIST when it is
/// waited for already.
long vgpu_epoll_add_readable(int epoll, int fd);

/// epoll_ctl(2) with EPOLL_CTL_DEL: waits for a descriptor no longer.
static inline long vgpu_epoll_remove(int epoll, int fd) {
  return vgpu_result(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
}

/// Whether the other side of a stream socket has closed it: 1, 0, or a negated errno (poll(2)).
long vgpu_has_hung_up(int socket);

/// The bytes that the other side of a Unix socket has not read yet, with the kernel's own (SIOCOUTQ).
long vgpu_unread_by_peer(int socket);

/// dladdr1(3): the file of the library that an address is in. Empty for the program itself; NULL when the
/// address is in neither. The text lives as long as the library.
extern const char *vgpu_library_of(const void *address);

/// timerfd_create(2) on CLOCK_MONOTONIC.
static inline long vgpu_timerfd(void) {
  return vgpu_result(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

/// timerfd_settime(2): readable once at that time, at once if it is over; never when zero.
static inline long vgpu_timerfd_set(int fd, uint64_t nanoseconds) {
  struct itimerspec when = {
      .it_value = {
          .tv_sec = (time_t)(nanoseconds / 1000000000u), .tv_nsec = (long)(nanoseconds % 1000000000u)}};
  return vgpu_result(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

/// timerfd_settime(2): readable again and again, every so many nanoseconds from now on; never when zero.
static inline long vgpu_timerfd_repeat(int fd, uint64_t nanoseconds) {
  struct timespec interval = {
      .tv_sec = (time_t)(nanoseconds / 1000000000u), .tv_nsec = (long)(nanoseconds % 1000000000u)};
  struct itimerspec when = {.it_value = interval, .it_interval = interval};
  return vgpu_result(timerfd_settime(fd, 0, &when, NULL));
}

/// A netlink socket that gets the kernel's announcements of devices (NETLINK_KOBJECT_UEVENT), nonblocking.
long vgpu_uevent_socket(void);

/// The next announcement, of the kernel alone: what another process has sent is dropped. Its length, or a
/// negated errno; ENOBUFS when the kernel dropped some because nobody read.
long vgpu_receive_uevent(int socket, void *buffer, size_t size);

/// gettid(2): whether this is the thread that the process began with.
int vgpu_is_first_thread(void);

/// pthread_create(3): a detached thread that takes no signals, which belong to the program.
long vgpu_start_thread(void *(*body)(void *), void *argument);

/// The same, but one that must be waited for with vgpu_join_thread, once.
long vgpu_start_joinable_thread(void *(*body)(void *), void *argument, pthread_t *thread);

/// pthread_join(3).
static inline long vgpu_join_thread(pthread_t thread) { return -pthread_join(thread, NULL); }

#endif
