// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// The kinds of migration that a device supports (VFIO_DEVICE_FEATURE_MIGRATION, Linux 5.18).
public struct MigrationModes: OptionSet, Hashable, Sendable {
  /// The bits of `vfio_device_feature_migration.flags`.
  public let rawValue: UInt64

  /// Makes a set from its bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// It can be stopped, saved and restored. Every device that migrates has this.
  public static let stopCopy = MigrationModes(rawValue: UInt64(VFIO_MIGRATION_STOP_COPY))
  /// It can run without beginning transfers to other devices.
  public static let peerToPeer = MigrationModes(rawValue: UInt64(VFIO_MIGRATION_P2P))
  /// It can be saved while it runs (Linux 6.2).
  public static let preCopy = MigrationModes(rawValue: 1 << 2)
}

/// What a device that migrates does now (`enum vfio_device_mig_state`).
@nonexhaustive
public enum MigrationState: UInt32, Hashable, Sendable {
  /// It failed, and `Device.reset` makes it run again. It cannot be set.
  case error = 0
  /// It neither runs nor changes.
  case stop = 1
  /// It runs.
  case running = 2
  /// It is stopped, and its state can be read.
  case stopCopy = 3
  /// It is stopped, and its state can be written.
  case resuming = 4
  /// It runs, and begins no transfer to another device.
  case runningPeerToPeer = 5
  /// It runs, and its state can be read meanwhile.
  case preCopy = 6
  /// The same, and it begins no transfer to another device.
  case preCopyPeerToPeer = 7
}

/// A device's state on its way from or to the device: a stream that means something to the device's driver
/// alone. The descriptor is closed when this value ends.
public struct MigrationStream: ~Copyable {
  private let fd: OwnedFileDescriptor
  private let name: String

  fileprivate init(_ fd: consuming OwnedFileDescriptor, name: String) {
    self.fd = fd
    self.name = name
  }

  /// The descriptor to read(2) from or write(2) to, borrowed: never close it. In `preCopy` read(2) answers
  /// ENOMSG when there is nothing more for now; in `stopCopy` it answers 0 at the end.
  public var rawValue: Int32 { fd.rawValue }

  /// Gives up the descriptor: the caller closes it from now on.
  public consuming func release() -> OwnedFileDescriptor { fd }

  /// How much of a device that runs is left to be read.
  public struct Estimate: Hashable, Sendable {
    /// The bytes that are read once. Leave `preCopy` when none is left.
    public let initial: UInt64
    /// The bytes that have changed since they were read.
    public let dirty: UInt64
    /// Whether `initial` counts anew, because the device was set up anew. Only a device that was told so
    /// (`DeviceFeature.precopyInfo2`) tells it.
    public let isNew: Bool
  }

  /// VFIO_MIG_GET_PRECOPY_INFO (Linux 6.2).
  ///
  /// - Throws: `VFIOError.system`: EINVAL when the device is in neither of the states `preCopy`.
  public func estimate() throws(VFIOError) -> Estimate {
    var info = vgpu_vfio_precopy_info()
    info.argsz = UInt32(MemoryLayout<vgpu_vfio_precopy_info>.size)
    try fd.ioctl("VFIO_MIG_GET_PRECOPY_INFO", vgpu_VFIO_MIG_GET_PRECOPY_INFO, on: name, &info)
    return Estimate(
      initial: info.initial_bytes, dirty: info.dirty_bytes, isNew: info.flags & 1 != 0)
  }
}

extension Device {
  /// The kinds of migration that the device supports; `nil` when it does not migrate.
  ///
  /// - Throws: `VFIOError.system`.
  public func migrationModes() throws(VFIOError) -> MigrationModes? {
    var answer = vfio_device_feature_migration()
    do throws(VFIOError) {
      try exchange(.migration, .get, &answer)
    } catch  where error.errno == .inappropriateIOCTLForDevice {
      return nil
    }
    return MigrationModes(rawValue: answer.flags)
  }

  /// What the device does now (VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, Linux 5.18).
  ///
  /// - Throws: `VFIOError.system`: ENOTTY when the device does not migrate; `.malformed` for a state that is
  ///   not known here.
  public func migrationState() throws(VFIOError) -> MigrationState {
    var answer = vfio_device_feature_mig_state()
    answer.data_fd = -1
    try exchange(.migrationState, .get, &answer)
    return try known(answer)
  }

  /// Has the device do something else. The kernel takes the shortest way there, and returns when the device
  /// has arrived. When the call fails the device may be anywhere on that way: ask `migrationState`.
  ///
  /// - Returns: the stream to read (`stopCopy`, `preCopy`) or to write (`resuming`), when one begins.
  /// - Throws: `VFIOError.system`: EINVAL for a state that cannot be reached; `.malformed` for an answer
  ///   that makes no sense.
  public func setMigrationState(_ state: MigrationState) throws(VFIOError) -> MigrationStream? {
    var request = vfio_device_feature_mig_state()
    request.device_state = state.rawValue
    request.data_fd = -1
    try exchange(.migrationState, .set, &request)
    guard request.data_fd >= 0 else { return nil }
    let stream = OwnedFileDescriptor(owning: request.data_fd, kernel: fd.kernel)
    try vfio { () throws(SystemCallError) in try stream.setCloseOnExec(of: name) }
    return MigrationStream(stream, name: name)
  }

  /// About how many bytes `stopCopy` will take (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, Linux 6.2).
  ///
  /// - Throws: `VFIOError.system`: ENOTTY when the device does not tell.
  public func migrationDataSize() throws(VFIOError) -> UInt64 {
    var size: UInt64 = 0
    try exchange(.migrationDataSize, .get, &size)
    return size
  }

  private func known(_ answer: vfio_device_feature_mig_state) throws(VFIOError) -> MigrationState {
    guard let state = MigrationState(rawValue: answer.device_state) else {
      throw .malformed(object: name, reason: "migration state \(answer.device_state)")
    }
    return state
  }
}
