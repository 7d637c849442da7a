// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// The secret that the user of an SR-IOV physical function and the users of its virtual functions share, so
/// that who has a virtual function trusts the driver of the physical one: a UUID.
public struct VFToken: Hashable, Sendable {
  /// The 16 bytes, in the order of the UUID's text.
  let bytes: [UInt8]

  /// Makes a token from its 16 bytes, in the order of the UUID's text; `nil` for another number of bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// Makes a token from a UUID such as `bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3`; `nil` for any other text.
  public init?(_ uuid: String) {
    let groups = uuid.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard groups.map(\.count) == [8, 4, 4, 4, 12] else { return nil }
    var bytes: [UInt8] = []
    for group in groups {
      var high: UInt8?
      for character in group {
        guard let digit = Character(UnicodeScalar(character)).hexDigitValue.map(UInt8.init) else {
          return nil
        }
        if let first = high.take() { bytes.append(first << 4 | digit) } else { high = digit }
      }
    }
    self.bytes = bytes
  }
}

extension VFToken: CustomStringConvertible {
  /// The UUID, in lower case.
  public var description: String {
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    return text
  }
}

extension Device {
  /// Sets the token of an SR-IOV physical function (VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, Linux 5.7): from now on
  /// its virtual functions are opened with it alone. Set it while none of them is open.
  ///
  /// - Throws: `VFIOError.system`: ENOTTY when the device is no such function, or SR-IOV is off.
  public func setVFToken(_ token: VFToken) throws(VFIOError) { try set(.vfToken, token.bytes) }
}

extension Group {
  /// VFIO_GROUP_GET_DEVICE_FD of a virtual function whose physical function has a token.
  ///
  /// - Parameters:
  ///   - name: the device's PCI address, such as `0000:04:10.0`.
  ///   - token: the token of its physical function.
  /// - Throws: as `device(named:)`; EACCES for another token.
  public func device(named name: String, vfToken token: VFToken) throws(VFIOError) -> Device {
    try device(named: name, asking: "\(name) vf_token=\(token)")
  }
}
