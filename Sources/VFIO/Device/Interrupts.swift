// SPDX-License-Identifier: Apache-2.0

import CLinux

/// One interrupt index of a device (VFIO_DEVICE_GET_IRQ_INFO): INTx, MSI, ….
public struct InterruptInfo: Hashable, Sendable {
  /// The operations that the interrupts of an index allow.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The bits of `vfio_irq_info.flags`.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// An interrupt can signal an eventfd.
    public static let eventFD = Flags(rawValue: UInt32(VFIO_IRQ_INFO_EVENTFD))
    /// An interrupt can be masked and unmasked.
    public static let maskable = Flags(rawValue: UInt32(VFIO_IRQ_INFO_MASKABLE))
    /// The kernel masks an interrupt when it signals the interrupt; the user unmasks it.
    public static let automasked = Flags(rawValue: UInt32(VFIO_IRQ_INFO_AUTOMASKED))
    /// More interrupts can be enabled only after all of them have been disabled.
    public static let noResize = Flags(rawValue: UInt32(VFIO_IRQ_INFO_NORESIZE))
  }

  /// The index; `PCIInterrupt` names those of a PCI device.
  public let index: UInt32
  /// The operations that its interrupts allow.
  public let flags: Flags
  /// The number of its interrupts (vectors).
  public let count: UInt32
}

extension Device {
  /// VFIO_DEVICE_GET_IRQ_INFO.
  ///
  /// - Parameter index: below `info.interruptCount`.
  /// - Throws: `VFIOError.system`: EINVAL for an index that the device does not have.
  public func interruptInfo(_ index: UInt32) throws(VFIOError) -> InterruptInfo {
    var query = vfio_irq_info()
    query.argsz = UInt32(MemoryLayout<vfio_irq_info>.size)
    query.index = index
    try fd.ioctl("VFIO_DEVICE_GET_IRQ_INFO", vgpu_VFIO_DEVICE_GET_IRQ_INFO, on: name, &query)
    return InterruptInfo(
      index: query.index, flags: InterruptInfo.Flags(rawValue: query.flags), count: query.count)
  }

  /// The effect of VFIO_DEVICE_SET_IRQS on interrupts.
  public enum InterruptAction: Sendable {
    /// Holds them back.
    case mask
    /// Lets them through again.
    case unmask
    /// Signals them, as if the device had signalled them.
    case trigger

    fileprivate var flag: UInt32 {
      switch self {
      case .mask: UInt32(VFIO_IRQ_SET_ACTION_MASK)
      case .unmask: UInt32(VFIO_IRQ_SET_ACTION_UNMASK)
      case .trigger: UInt32(VFIO_IRQ_SET_ACTION_TRIGGER)
      }
    }
  }

  /// VFIO_DEVICE_SET_IRQS with eventfds: from now on the interrupts signal these descriptors. With
  /// `mask` and `unmask`, a signal on such a descriptor masks or unmasks its interrupt.
  ///
  /// - Parameters:
  ///   - index: INTx, MSI and so on; `PCIInterrupt` names a PCI device's.
  ///   - start: the first interrupt within the index.
  ///   - action: the effect.
  ///   - eventFDs: eventfd(2) descriptors, borrowed (the kernel keeps its own reference); `nil`
  ///     takes an interrupt's eventfd away.
  /// - Throws: `VFIOError.system`.
  public func setInterrupts(
    _ index: UInt32, from start: UInt32 = 0, action: InterruptAction = .trigger,
    eventFDs: [Int32?]
  ) throws(VFIOError) {
    let numbers = eventFDs.map { $0 ?? -1 }
    try setInterrupts(
      index, start..<start + UInt32(numbers.count),
      flags: UInt32(VFIO_IRQ_SET_DATA_EVENTFD) | action.flag,
      data: numbers.withUnsafeBytes { [UInt8]($0) })
  }

  /// VFIO_DEVICE_SET_IRQS without data: masks, unmasks or signals each interrupt of the range now.
  ///
  /// - Throws: `VFIOError.system`.
  public func setInterrupts(
    _ index: UInt32, _ range: Range<UInt32>, action: InterruptAction
  ) throws(VFIOError) {
    try setInterrupts(
      index, range, flags: UInt32(VFIO_IRQ_SET_DATA_NONE) | action.flag, data: [])
  }

  /// VFIO_DEVICE_SET_IRQS with one boolean for each interrupt: masks, unmasks or signals those with
  /// `true`.
  ///
  /// - Throws: `VFIOError.system`.
  public func setInterrupts(
    _ index: UInt32, from start: UInt32 = 0, action: InterruptAction, where chosen: [Bool]
  ) throws(VFIOError) {
    try setInterrupts(
      index, start..<start + UInt32(chosen.count),
      flags: UInt32(VFIO_IRQ_SET_DATA_BOOL) | action.flag, data: chosen.map { $0 ? 1 : 0 })
  }

  /// VFIO_DEVICE_SET_IRQS with a count of zero: takes every eventfd of the index away.
  ///
  /// - Throws: `VFIOError.system`.
  public func disableInterrupts(_ index: UInt32) throws(VFIOError) {
    try setInterrupts(index, 0..<0, action: .trigger)
  }

  private func setInterrupts(
    _ index: UInt32, _ range: Range<UInt32>, flags: UInt32, data: [UInt8]
  ) throws(VFIOError) {
    let header = MemoryLayout<vfio_irq_set>.size
    var set = vfio_irq_set()
    set.argsz = UInt32(header + data.count)
    set.flags = flags
    set.index = index
    set.start = range.lowerBound
    set.count = UInt32(range.count)
    var bytes = withUnsafeBytes(of: set) { [UInt8]($0) } + data
    try fd.ioctl("VFIO_DEVICE_SET_IRQS", vgpu_VFIO_DEVICE_SET_IRQS, on: name, bytes: &bytes)
  }
}

extension Device {
  /// VFIO_DEVICE_IOEVENTFD: the kernel makes a register write of its own each time an eventfd is
  /// signalled, so that a guest's doorbell does not have to pass through the VM manager.
  ///
  /// - Parameters:
  ///   - region: the region that holds the register.
  ///   - start: the register, in bytes from the region's start.
  ///   - value: the value to write; its size is the access size.
  ///   - eventFD: an eventfd(2) descriptor, borrowed; `nil` ends an earlier setting for the same
  ///     register and value.
  /// - Throws: `VFIOError.system`: EINVAL for registers that the driver keeps for itself, ENOSPC
  ///   when the driver's table of them is full; `.outOfRange` for a register whose size is not 1,
  ///   2, 4 or 8 bytes.
  public func setIOEventFD<Integer: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ region: RegionInfo, at start: UInt64, value: Integer, eventFD: Int32?
  ) throws(VFIOError) {
    let size = MemoryLayout<Integer>.size
    guard [1, 2, 4, 8].contains(size) else {
      throw .outOfRange(object: name, reason: "a register access of \(size) bytes")
    }
    let position = try fd.position(of: start, count: size, in: region, right: .write, name: name)
    var request = vfio_device_ioeventfd()
    request.argsz = UInt32(MemoryLayout<vfio_device_ioeventfd>.size)
    // VFIO_DEVICE_IOEVENTFD_8 to _64 are the bits whose number is the size's logarithm: the size itself.
    request.flags = UInt32(size)
    request.offset = position
    request.data = UInt64(value)
    request.fd = eventFD ?? -1
    try fd.ioctl("VFIO_DEVICE_IOEVENTFD", vgpu_VFIO_DEVICE_IOEVENTFD, on: name, &request)
  }
}
