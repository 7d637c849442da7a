// SPDX-License-Identifier: Apache-2.0

public import Attachment
public import GuestControl
public import GuestSession
import HostDevices
import QEMU

/// The screen and the input of a guest that this process has started.
extension RunningGuest {
  /// The guest by its vGPU, or by its process, with its sockets for windows.
  public var named: Guest {
    Guest(
      vGPU.map { .mdev($0.uuid) } ?? .process(process.pid), qmpSocket: sockets.window,
      agentSocket: sockets.agent)
  }

  /// Opens the guest's screen, and the other functions that are wanted.
  ///
  /// - Parameters:
  ///   - controlsSize: whether another size of the screen will be asked for.
  ///   - isTold: whether to send keys, pointer and power to the guest.
  ///   - isHeard: whether to connect for the guest's sound.
  /// - Throws: `AttachmentError`: `noScreen` when the guest has only a physical monitor, and when no
  ///   provider shows what QEMU draws.
  public func open(
    controlsSize: Bool = false, isTold: Bool = false, isHeard: Bool = false
  ) throws(AttachmentError) -> OpenGuest {
    if vGPU == nil, configuration.hasVirtioGPU {
      // The table of providers decides, as for every guest that QEMU itself draws.
      do {
        return try named.open(controlsSize: controlsSize, isTold: isTold, isHeard: isHeard)
      } catch .noDevice {
        throw .noScreen("pid:\(process.pid)")
      }
    }
    return named.open(
      showing: try openScreen(controlsMonitor: controlsSize), controlsSize: controlsSize,
      isTold: isTold, isHeard: isHeard)
  }

  /// Opens the vGPU's screen, by this process's own duplicate of the vGPU's device where there is one
  /// (`takeDevice`); this needs no right to look into QEMU. Later calls, and a guest whose QEMU opened
  /// the device, need that right.
  ///
  /// - Parameter controlsMonitor: whether the guest will get other monitors.
  /// - Throws: `AttachmentError`: `noScreen` when the guest has no vGPU.
  public func openScreen(
    controlsMonitor: Bool = false
  ) throws(AttachmentError) -> AttachedSource {
    guard let vGPU else { throw .noScreen("pid:\(process.pid)") }
    guard let device = takeDevice() else {
      return try AttachedSource(
        .mdev(vGPU.uuid), waiting: true, controlsMonitor: controlsMonitor)
    }
    return try AttachedSource(
      keeping: device, of: vGPU, process: process.running, controlsMonitor: controlsMonitor)
  }

  /// Controls the guest by its socket for windows.
  public func openControl() -> GuestController { GuestController(.socket(sockets.window)) }
}
