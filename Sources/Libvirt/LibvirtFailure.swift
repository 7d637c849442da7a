// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import SafeText
public import SystemPackage

/// What libvirt said of a call that failed (virError).
public struct LibvirtFailure: Error, Hashable, Sendable {
  /// The call, by its name in C.
  public let call: String
  /// libvirt's number of the error (virErrorNumber), such as 42 for a domain that does not exist.
  public let code: Int32
  /// The kernel's reason, where a system call failed.
  public let errno: Errno?
  /// libvirt's own words, in one line.
  public let message: String

  /// The calling thread's last error, which its next call of libvirt replaces: to be taken right
  /// after the call that failed.
  static func last(_ call: String) -> LibvirtFailure {
    guard let error = vgpu_virGetLastError() else {
      return LibvirtFailure(call: call, code: 0, errno: nil, message: "failed without a reason")
    }
    let code = error.pointee.code
    // A failed system call's errno is in the first of the error's numbers.
    let isSystemCall = code == Int32(VIR_ERR_SYSTEM_ERROR.rawValue) && error.pointee.int1 > 0
    return LibvirtFailure(
      call: call, code: code, errno: isSystemCall ? Errno(rawValue: error.pointee.int1) : nil,
      message: error.pointee.message.map { PlainText.line(String(cString: $0)) } ?? "error \(code)")
  }

  func isOne(of codes: virErrorNumber...) -> Bool {
    codes.contains { Int32($0.rawValue) == code }
  }
}

extension LibvirtFailure: CustomStringConvertible {
  /// The call and libvirt's words.
  public var description: String { "\(call): \(message)" }
}
