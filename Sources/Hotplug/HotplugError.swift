// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import HostDevices
public import QMP

/// Why a device was not plugged into a guest, or not unplugged. Each case's description is one line
/// that names the object, the cause and the remedy.
@nonexhaustive
public enum HotplugError: Error, Hashable, Sendable {
  /// The text names no kind of device.
  case notADevice(String)
  /// The node is no SCSI device that a guest can get.
  case scsi(SCSIDeviceDefect)
  /// The host has no such USB device now. `existing` lists the USB devices that it has.
  case noSuchUSBDevice(PluggableDevice, existing: [PluggableDevice])
  /// The guest has the device already.
  case isPlugged(PluggableDevice)
  /// The device was not plugged in by this library. `existing` lists the devices that were.
  case isNotPlugged(PluggableDevice, existing: [PluggableDevice])
  /// The guest's machine has no SCSI or USB controller for the device.
  case noController(PluggableDevice)
  /// The guest did not release the device in this time.
  case guestKeeps(PluggableDevice, after: Duration)
  /// QEMU's user may not open this node.
  case noRights(PluggableDevice, node: String)
  /// QEMU refused a command, or has ended.
  case qmp(QMPError)
}

extension HotplugError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .notADevice: .argument
    case .scsi(let defect): defect.errorClass
    case .noSuchUSBDevice, .isNotPlugged: .notFound
    case .isPlugged, .guestKeeps: .busy
    case .noController: .unsupported
    case .noRights: .notPermitted
    case .qmp(let error): error.errorClass
    }
  }
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
        ? "\(device): vgpu has plugged no device into this guest"
        : "\(device): vgpu has not plugged it into this guest; name one of: \(Self.list(existing))"
    case .noController(let device):
      """
      \(device): the guest's machine has no controller for it; start it with `vgpu run`, or give \
      QEMU -device qemu-xhci
      """
    case .guestKeeps(let device, let time):
      """
      \(device): the guest did not release it in \(time); eject it in the guest, then unplug it \
      again
      """
    case .noRights(let device, let node):
      """
      \(device): QEMU may not open \(node); add QEMU's user to the node's group, or run \
      `setfacl -m u:USER:rw \(node)`
      """
    case .qmp(let error):
      error.description
    }
  }

  private static func list(_ devices: [PluggableDevice]) -> String {
    devices.map(\.description).joined(separator: ", ")
  }
}
