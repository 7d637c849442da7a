// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SafeText

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
    guard let halves = uuidHalves(uuid) else { return nil }
    bytes = [halves.high, halves.low].flatMap { half in
      withUnsafeBytes(of: half.bigEndian) { [UInt8]($0) }
    }
  }
}

extension VFToken: CustomStringConvertible {
  /// The UUID, in lower case.
  public var description: String {
    func half(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    return uuidText(high: half(bytes[..<8]), low: half(bytes[8...]))
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
