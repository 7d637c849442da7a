// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
public import SystemPackage

/// Why a VFIO operation did not succeed. Each case's description is one line that names the
/// object, the cause and, where one is known, the remedy.
@nonexhaustive
public enum VFIOError: Error, Hashable, Sendable {
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// The container speaks an API version other than 0, the only one that was ever released.
  case unsupportedAPIVersion(object: String, found: Int)
  /// A device of the IOMMU group is still bound to a host driver.
  case groupNotViable(group: String)
  /// The answer of the kernel or the driver violates its own ABI.
  case malformed(object: String, reason: String)
  /// The device lacks a function that the caller asked for.
  case unsupported(object: String, feature: String)
  /// The caller asked for a range or an index outside of the object.
  case outOfRange(object: String, reason: String)
}

extension VFIOError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    // As `remedy` below says, this is another process's device.
    case .system(let error)
    where error.call == "VFIO_DEVICE_BIND_IOMMUFD" && error.errno == .invalidArgument:
      ErrorClass(.busy, errno: error.errno.rawValue)
    case .system(let error): error.errorClass
    case .unsupported, .unsupportedAPIVersion: .unsupported
    case .groupNotViable, .malformed, .outOfRange: .other
    }
  }
}

extension VFIOError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .system(let error):
      error.description
    case .unsupportedAPIVersion(let object, let found):
      "\(object): VFIO API version \(found), but only version 0 is known"
    case .groupNotViable(let group):
      """
      \(group): the IOMMU group is not viable: bind every device of the group to a vfio driver, \
      or unbind it from its host driver
      """
    case .malformed(let object, let reason):
      "\(object): the driver's answer makes no sense: \(reason)"
    case .unsupported(let object, let feature):
      "\(object): the device has no \(feature)"
    case .outOfRange(let object, let reason):
      "\(object): \(reason)"
    }
  }

  /// The kernel's errno where a system call failed.
  public var errno: Errno? {
    if case .system(let error) = self { error.errno } else { nil }
  }
}

extension SystemCallError {
  /// The remedy for this error, known from the checks in the kernel's VFIO code.
  var advisedForVFIO: SystemCallError {
    advising(Self.remedy(call: call, errno: errno))
  }

  private static func remedy(call: String, errno: Errno) -> String? {
    switch (call, errno) {
    case ("open", .permissionDenied), ("open", .notPermitted):
      "run as root, or let a udev rule give your user the device node"
    case ("open", .resourceBusy):
      "another process has it open; attach to that process instead (pid:N)"
    case ("open", .noSuchFileOrDirectory):
      "no such device node: is the vfio module loaded and the device bound to a vfio driver?"
    case ("pidfd_open", .noSuchProcess):
      "no such process"
    case ("pidfd_getfd", .notPermitted):
      """
      attaching needs ptrace rights: run as the process's user with \
      /proc/sys/kernel/yama/ptrace_scope at 0, or with CAP_SYS_PTRACE
      """
    case ("pidfd_getfd", .badFileDescriptor), ("pidfd_getfd", .noSuchProcess):
      "the process has closed it or has ended"
    case ("VFIO_GROUP_SET_CONTAINER", .resourceBusy), ("VFIO_GROUP_GET_DEVICE_FD", .resourceBusy):
      "another process uses the group"
    case ("VFIO_GROUP_GET_DEVICE_FD", .operationNotSupportedByDevice):
      "the group holds no device of that name"
    case ("VFIO_IOMMU_MAP_DMA", .noMemory), ("IOMMU_IOAS_MAP", .noMemory):
      "the locked-memory limit is too low: raise it (ulimit -l) to the guest's memory size"
    case ("VFIO_DEVICE_BIND_IOMMUFD", .invalidArgument):
      "another process has it; attach to that process instead (pid:N)"
    case ("VFIO_DEVICE_BIND_IOMMUFD", .resourceBusy):
      "another process has its group open; attach to that process instead (pid:N)"
    case ("VFIO_DEVICE_GET_INFO", .invalidArgument):
      "it is not bound to an iommufd yet: whoever opened it has to do that first"
    case (_, .inappropriateIOCTLForDevice):
      "not a VFIO device, or a kernel that lacks this call"
    case (_, .operationNotSupportedByDevice), (_, .noSuchAddressOrDevice):
      "the device is gone"
    default:
      nil
    }
  }
}
