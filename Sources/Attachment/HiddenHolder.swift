// SPDX-License-Identifier: Apache-2.0

import CLinux
import HostDevices
import LinuxSystem
import SystemPackage

/// Why a vGPU seems to be held by nobody, or a process to hold none, where the holder may not be
/// looked into.
enum HiddenHolder {
  /// The process whose descriptors may not be seen and whose command names the vGPU as QEMU's does;
  /// a hint for a message, as anybody can give himself such a command.
  static func process(of uuid: MdevUUID, proc: String = "/proc") -> Int32? {
    let numbers = ((try? FileTree.names(in: proc)) ?? []).compactMap { Int32($0) }.sorted()
    return numbers.first { pid in
      // It is to be refused, not ended.
      guard let command = ProcessStatus.text("\(proc)/\(pid)/cmdline"),
        AssignedDevice.named(
          inQEMUArguments: command.split(separator: "\0", omittingEmptySubsequences: false)
            .map(String.init)
        ).contains(.mdev(uuid))
      else { return false }
      do throws(SystemCallError) {
        _ = try FileTree.names(in: "\(proc)/\(pid)/fd")
        return false
      } catch {
        return error.errno == .permissionDenied
      }
    }
  }

  /// A better error than "nobody holds it" and "it holds nothing", where there is one.
  ///
  /// Opens the vGPU's group for a moment, so it is asked once and not again and again: a guest that
  /// starts at that very moment would find it busy.
  static func explain(_ error: AttachmentError, host: HostHardware) -> AttachmentError {
    switch error {
    case .notHeld(let uuid):
      if let pid = process(of: uuid) { return .noRights(pid: pid) }
      return host.isBusy(uuid) ? .heldUnseen(uuid) : error
    case .noDevice(let pid) where RightsDefect(ofProcess: pid) == .privileged:
      // The numbers of its descriptors can be seen, but not what they are of.
      return .noRights(pid: pid, .privileged)
    default:
      return error
    }
  }
}
