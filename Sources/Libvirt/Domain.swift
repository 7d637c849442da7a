// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import CLinux

/// libvirt's handle of a domain (virDomainPtr), which keeps its connection open.
///
/// `@unchecked Sendable`: as `Connection`.
final class Domain: @unchecked Sendable {
  let connection: Connection
  private let pointer: OpaquePointer

  /// - Parameter pointer: owned from now on.
  init(_ pointer: OpaquePointer, of connection: Connection) {
    self.pointer = pointer
    self.connection = connection
  }

  deinit { _ = vgpu_virDomainFree(pointer) }

  /// Its name, which the handle has got with it (virDomainGetName).
  var name: String { vgpu_virDomainGetName(pointer).map { String(cString: $0) } ?? "" }

  /// Its UUID, canonical and in lower case (virDomainGetUUIDString).
  var uuid: String {
    var text = [CChar](repeating: 0, count: Int(VIR_UUID_STRING_BUFLEN))
    guard vgpu_virDomainGetUUIDString(pointer, &text) == 0 else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // Of what follows, `nil` is a failure; its reason is the thread's last error.

  /// Whether a process runs it (virDomainIsActive).
  func isActive() -> Bool? {
    let answer = vgpu_virDomainIsActive(pointer)
    return answer < 0 ? nil : answer == 1
  }

  /// virDomainGetState.
  func state() -> LibvirtDomainState? {
    var state: Int32 = 0
    guard vgpu_virDomainGetState(pointer, &state, nil, 0) == 0 else { return nil }
    return LibvirtDomainState(state)
  }

  /// The XML of what runs, or, where nothing runs, of what would be started (virDomainGetXMLDesc).
  func xml() -> [UInt8]? { bytes(vgpu_virDomainGetXMLDesc(pointer, 0)) }

  /// virDomainQemuMonitorCommand.
  func execute(_ command: [UInt8]) -> [UInt8]? {
    var answer: UnsafeMutablePointer<CChar>?
    let code = (command + [0]).withUnsafeBytes { bytes in
      vgpu_virDomainQemuMonitorCommand(
        pointer, bytes.assumingMemoryBound(to: CChar.self).baseAddress, &answer, 0)
    }
    let result = bytes(answer)
    return code == 0 ? result : nil
  }

  /// Takes a string over from libvirt.
  private func bytes(_ text: UnsafeMutablePointer<CChar>?) -> [UInt8]? {
    guard let text else { return nil }
    defer { free(text) }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}
