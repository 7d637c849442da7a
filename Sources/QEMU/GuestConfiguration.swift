// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// What a guest is to be.
public struct GuestConfiguration: Hashable, Sendable {
  /// Which mainboard.
  public enum Machine: String, CaseIterable, Sendable {
    /// PCI Express, of 2009.
    case q35
    /// PCI, of 1996 (i440fx).
    case pc
  }

  /// Its screen.
  public var vGPU: MdevDevice
  /// Disk images, in order.
  public var disks: [DiskImage] = []
  /// A CD image.
  public var cdrom: String?
  /// Memory in MiB.
  public var memory = 4096
  /// Virtual processors.
  public var cpus = 2
  /// Which mainboard.
  public var machine = Machine.q35
  /// The guest is Windows: SATA disks, which it has a driver for, Hyper-V's interfaces, a clock in
  /// local time.
  public var isWindows = false
  /// KVM runs the guest; else it is emulated.
  public var hasKVM = true
  /// Where QMP is served.
  public var qmpSocket: String?
  /// Further arguments, as QEMU takes them.
  public var extra: [String] = []

  /// A guest of 4 GiB and two processors with nothing but a screen.
  public init(vGPU: MdevDevice) { self.vGPU = vGPU }
}
