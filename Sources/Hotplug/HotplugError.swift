// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import QMP

/// Why a device was not given to a guest, or not taken from it. Each case's description is one line
/// that names the object, the cause and the remedy.
@nonexhaustive
public enum HotplugError: Error, Hashable, Sendable {
  /// The text names no kind of device.
  case notADevice(String)
  /// The node is of no use.
  case scsi(SCSIDeviceDefect)
  /// The host has no such USB device now; it has these.
  case noSuchUSBDevice(PluggableDevice, existing: [PluggableDevice])
  /// The guest has it already.
  case isPlugged(PluggableDevice)
  /// The guest was not given it by this; it was given these.
  case isNotPlugged(PluggableDevice, existing: [PluggableDevice])
  /// The guest's machine has neither a SCSI nor a USB controller that it could be connected to.
  case noController(PluggableDevice)
  /// The guest was asked to let go of the device, and has not in this time.
  case guestKeeps(PluggableDevice, after: Duration)
  /// QEMU's user may not open this node.
  case noRights(PluggableDevice, node: String)
  /// QEMU refused, or is gone.
  case qmp(QMPError)
}

extension HotplugError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notADevice(let text):
      """
      \(text.debugDescription): no device that can be plugged; name a SCSI device's node such as \
      /dev/sr0, or a USB device as lsusb shows it: usb:046d:c52b or usb:BUS.ADDRESS
      """
    case .scsi(let defect): "\(defect)"
    case .noSuchUSBDevice(let device, let existing):
      existing.isEmpty
        ? "\(device): no such USB device; the host has none at all"
        : "\(device): no such USB device; there are \(Self.list(existing))"
    case .isPlugged(let device):
      "\(device): the guest has it already"
    case .isNotPlugged(let device, let existing):
      existing.isEmpty
        ? "\(device): the guest was not given it; nothing was plugged in"
        : "\(device): the guest was not given it; plugged in are \(Self.list(existing))"
    case .noController(let device):
      """
      \(device): the guest's machine has no controller for it; start it with `vgpu run`, or give \
      QEMU -device qemu-xhci
      """
    case .guestKeeps(let device, let time):
      """
      \(device): the guest has not let go of it in \(time); eject it in the guest, then unplug \
      it again
      """
    case .noRights(let device, let node):
      """
      \(device): QEMU may not open \(node); give its user the right to, such as by the group that \
      owns it, or `setfacl -m u:USER:rw \(node)`
      """
    case .qmp(let error):
      error.description
    }
  }

  private static func list(_ devices: [PluggableDevice]) -> String {
    devices.map(\.description).joined(separator: ", ")
  }
}
