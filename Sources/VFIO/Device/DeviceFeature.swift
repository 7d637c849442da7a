// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// An optional feature of a device (VFIO_DEVICE_FEATURE), by its number in `<linux/vfio.h>`.
public struct DeviceFeature: RawRepresentable, Hashable, Sendable {
  /// The number, 0 to 65535.
  public let rawValue: UInt16

  /// Makes a feature from its number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The token that guards an SR-IOV virtual function.
  public static let vfToken = DeviceFeature(rawValue: 0)
  /// Migration, and the kinds of it that the device supports.
  public static let migration = DeviceFeature(rawValue: 1)
  /// The state of a migration.
  public static let migrationState = DeviceFeature(rawValue: 2)
  /// Runtime power saving: sleep.
  public static let lowPowerEntry = DeviceFeature(rawValue: 3)
  /// Runtime power saving: sleep until the device wakes.
  public static let lowPowerEntryWithWakeup = DeviceFeature(rawValue: 4)
  /// Runtime power saving: wake.
  public static let lowPowerExit = DeviceFeature(rawValue: 5)
  /// Logging of what DMA wrote: begin.
  public static let dmaLoggingStart = DeviceFeature(rawValue: 6)
  /// Logging of what DMA wrote: end.
  public static let dmaLoggingStop = DeviceFeature(rawValue: 7)
  /// Logging of what DMA wrote: read and clear.
  public static let dmaLoggingReport = DeviceFeature(rawValue: 8)
  /// The number of bytes that a migration will transfer.
  public static let migrationDataSize = DeviceFeature(rawValue: 9)
  /// PCI bus mastering on and off.
  public static let busMaster = DeviceFeature(rawValue: 10)
  /// dma-bufs of regions.
  public static let dmaBuf = DeviceFeature(rawValue: 11)
  /// A migration's estimates tell when new initial data is there.
  public static let precopyInfo2 = DeviceFeature(rawValue: 12)
}

extension Device {
  /// The operations that a feature allows.
  public struct FeatureAccess: OptionSet, Sendable {
    /// The bits of `vfio_device_feature.flags`.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// It can be read.
    public static let get = FeatureAccess(rawValue: UInt32(VFIO_DEVICE_FEATURE_GET))
    /// It can be set.
    public static let set = FeatureAccess(rawValue: UInt32(VFIO_DEVICE_FEATURE_SET))
  }

  /// VFIO_DEVICE_FEATURE with PROBE: which of GET and SET the device offers for a feature.
  ///
  /// - Returns: an empty set when the device does not have the feature, or the kernel is older than
  ///   5.7.
  /// - Throws: `VFIOError.system`.
  public func probe(_ feature: DeviceFeature) throws(VFIOError) -> FeatureAccess {
    var access: FeatureAccess = []
    for candidate in [FeatureAccess.get, .set] {
      do {
        var none: [UInt8] = []
        try self.feature(
          feature, flags: UInt32(VFIO_DEVICE_FEATURE_PROBE) | candidate.rawValue, data: &none)
        access.insert(candidate)
      } catch
        where error.errno == .inappropriateIOCTLForDevice
        || error.errno == .invalidArgument
      {
        continue
      }
    }
    return access
  }

  /// VFIO_DEVICE_FEATURE with GET.
  ///
  /// - Parameters:
  ///   - feature: which one.
  ///   - count: the size of the feature's structure in bytes.
  /// - Returns: the structure's bytes.
  /// - Throws: `VFIOError.system`: ENOTTY when the device has no such feature, EINVAL when `count`
  ///   is too small.
  public func get(_ feature: DeviceFeature, count: Int) throws(VFIOError) -> [UInt8] {
    var data = [UInt8](repeating: 0, count: count)
    try self.feature(feature, flags: UInt32(VFIO_DEVICE_FEATURE_GET), data: &data)
    return data
  }

  /// VFIO_DEVICE_FEATURE with SET.
  ///
  /// - Parameters:
  ///   - feature: which one.
  ///   - data: the feature's structure; empty when it has none.
  /// - Throws: `VFIOError.system`: ENOTTY when the device has no such feature, or the feature's own
  ///   refusal.
  public func set(_ feature: DeviceFeature, _ data: [UInt8] = []) throws(VFIOError) {
    var data = data
    try self.feature(feature, flags: UInt32(VFIO_DEVICE_FEATURE_SET), data: &data)
  }

  /// VFIO_DEVICE_FEATURE with GET or SET on a feature's structure, which the kernel may change.
  ///
  /// - Returns: the call's own answer.
  @discardableResult
  func exchange<Structure: BitwiseCopyable>(
    _ feature: DeviceFeature, _ access: FeatureAccess, _ structure: inout Structure
  ) throws(VFIOError) -> Int {
    var data = withUnsafeBytes(of: structure) { [UInt8]($0) }
    let answer = try self.feature(feature, flags: access.rawValue, data: &data)
    structure = data.structure(Structure.self)
    return answer
  }

  @discardableResult
  func feature(
    _ feature: DeviceFeature, flags: UInt32, data: inout [UInt8]
  ) throws(VFIOError) -> Int {
    let size = MemoryLayout<vfio_device_feature>.size
    var header = vfio_device_feature()
    header.argsz = UInt32(size + data.count)
    header.flags = flags | UInt32(feature.rawValue)
    var bytes = withUnsafeBytes(of: header) { [UInt8]($0) } + data
    let answer = try fd.ioctl(
      "VFIO_DEVICE_FEATURE", vgpu_VFIO_DEVICE_FEATURE, on: name, bytes: &bytes)
    data.replaceSubrange(0..., with: bytes[size...])
    return answer
  }
}

// MARK: Power and bus mastering

extension Device {
  /// Lets the device sleep while nobody needs it, and the guest does not use it
  /// (VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY and _ENTRY_WITH_WAKEUP, Linux 6.1). Any access to it wakes it.
  ///
  /// - Parameter wakeup: an eventfd(2) descriptor that is signalled when the device wakes by itself,
  ///   borrowed (the kernel keeps its own reference); `nil` for none.
  /// - Throws: `VFIOError.system`: ENOTTY when the driver has no such feature.
  public func allowSleep(wakeup: Int32? = nil) throws(VFIOError) {
    guard let wakeup else { return try set(.lowPowerEntry) }
    var entry = vfio_device_low_power_entry_with_wakeup()
    entry.wakeup_eventfd = wakeup
    try exchange(.lowPowerEntryWithWakeup, .set, &entry)
  }

  /// Keeps the device awake again (VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, Linux 6.1).
  ///
  /// - Throws: as `allowSleep`.
  public func forbidSleep() throws(VFIOError) { try set(.lowPowerExit) }

  /// Lets the device write to memory, or not (VFIO_DEVICE_FEATURE_BUS_MASTER, after Linux 6.1): for devices on
  /// AMD's CDX bus. A PCI device has a bit of its configuration space for this.
  ///
  /// - Throws: `VFIOError.system`: ENOTTY when the driver has no such feature.
  public func setBusMaster(_ isMaster: Bool) throws(VFIOError) {
    var operation: UInt32 = isMaster ? 1 : 0
    try exchange(.busMaster, .set, &operation)
  }
}
