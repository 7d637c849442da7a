// SPDX-License-Identifier: Apache-2.0

package import Attachment
import BridgeClient
import BridgeProtocol
package import CVGPU
import HostDevices
import Libvirt
package import LinuxSystem
import MonitorEDID
import SystemPackage
import VFIO
import VGPUDisplay

/// An error for a C caller: `vgpu_error`, as a Swift error.
package struct Failure: Error {
  /// The codes for programs: `VGPU_ERROR_*`.
  package enum Code: Int32, Sendable {
    case argument = 1
    case notFound, notRunning, notPermitted, ambiguous, noDisplay, noPicture, unsupported, system
  }

  package let code: Code
  let errno: Int32
  let message: String

  package init(_ code: Code, _ message: String, errno: Int32 = 0) {
    self.code = code
    self.errno = errno
    self.message = message
  }

  /// A NULL that must not be one.
  package static func null(_ name: String) -> Failure {
    Failure(.argument, "\(name): NULL; give what vgpu.h describes")
  }
}

extension Failure {
  package init(_ error: SystemCallError) {
    self.init(Self.code(of: error.errno), "\(error)", errno: error.errno.rawValue)
  }

  init(_ error: VFIOError) {
    switch error {
    case .system(let call):
      self.init(call)
    case .unsupported, .unsupportedAPIVersion:
      self.init(.unsupported, "\(error)")
    case .groupNotViable, .malformed, .outOfRange:
      self.init(.system, "\(error)")
    }
  }

  init(_ error: HostDevicesError) {
    switch error {
    case .system(let call):
      self.init(call)
    case .invalidUUID:
      self.init(.argument, "\(error)")
    case .noSuchDevice, .noParents, .noTypes, .unknownParent, .unknownType:
      self.init(.notFound, "\(error)")
    case .ambiguousType:
      self.init(.ambiguous, "\(error)")
    case .noInstancesLeft, .uuidInUse, .incomplete, .inUse, .stillThere:
      self.init(.system, "\(error)")
    }
  }

  init(_ error: LibvirtError) {
    let code: Code =
      switch error {
      case .noSuchDomain: .notFound
      case .notRunning: .notRunning
      case .noRights: .notPermitted
      case .noMediatedDevice, .onlyFunctions: .noDisplay
      case .otherHost: .unsupported
      case .notInstalled, .daemonNotRunning, .connectionLost, .malformed, .failed: .system
      }
    self.init(code, "\(error)")
  }

  package init(_ error: AttachmentError) {
    switch error {
    case .noSuchVGPU, .noSuchProcess, .noSuchDescriptor, .otherDevice:
      self.init(.notFound, "\(error)")
    case .notHeld:
      self.init(.notRunning, "\(error)")
    case .heldUnseen, .noRights:
      self.init(.notPermitted, "\(error)")
    case .noDevice, .noDisplay, .noDisplayOfVGPUs, .noScreen:
      self.init(.noDisplay, "\(error)")
    case .severalDisplays, .unidentified:
      self.init(.ambiguous, "\(error)")
    case .noMonitor, .monitorTooLarge:
      self.init(.unsupported, "\(error)")
    case .libvirt(let error):
      self.init(error)
    case .vfio(let error):
      self.init(error)
    case .host(let error):
      self.init(error)
    case .bridge(let error):
      self.init(error)
    case .demo(let error):
      self.init(error)
    }
  }

  init(_ error: BridgeError) {
    let code: Code =
      switch error {
      case .unreachable(let call): Self.code(of: call.errno)
      case .refused(_, .notAllowed, _): .notPermitted
      case .refused(_, .noSuchVGPU, _): .notFound
      case .refused(_, .severalVGPUs, _): .ambiguous
      case .refused, .ended, .silent, .malformed: .system
      }
    self.init(code, "\(error)")
  }

  init(_ error: Picture.CopyError) {
    switch error {
    case .tiled, .format:
      self.init(.unsupported, "\(error)")
    case .unmappable(let call):
      self.init(.system, "\(error)", errno: call.errno.rawValue)
    }
  }

  init(_ error: EDIDError) { self.init(.argument, "\(error)") }

  private static func code(of errno: Errno) -> Code {
    switch errno {
    case .notPermitted, .permissionDenied: .notPermitted
    case .noSuchFileOrDirectory, .noSuchProcess: .notFound
    case .inappropriateIOCTLForDevice: .unsupported
    default: .system
    }
  }
}

extension Failure {
  /// Fills in the caller's error.
  func fill(_ error: UnsafeMutablePointer<vgpu_error>?) {
    guard let error else { return }
    error.pointee.code = code.rawValue
    error.pointee.system_errno = errno
    withUnsafeMutableBytes(of: &error.pointee.message) { _ = CText.write(message, to: $0) }
  }

  /// Runs a function's body for its code.
  package static func code(
    _ told: UnsafeMutablePointer<vgpu_error>?, _ body: () throws(Failure) -> Void
  ) -> Int32 {
    do {
      try body()
      return Int32(VGPU_OK)
    } catch {
      error.fill(told)
      return error.code.rawValue
    }
  }

  /// Runs a function's body for its result; `nil` on failure.
  package static func result<Result>(
    _ told: UnsafeMutablePointer<vgpu_error>?, _ body: () throws(Failure) -> Result
  ) -> Result? {
    do {
      return try body()
    } catch {
      error.fill(told)
      return nil
    }
  }
}
