// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// What a user wants to look at.
public enum Target: Hashable, Sendable {
  /// The vGPU with this UUID, whichever process holds it.
  case mdev(MdevUUID)
  /// What a process shows: any that holds a VFIO device.
  case process(Int32)
  /// The synthetic guest.
  case demo
}

extension Target: LosslessStringConvertible {
  /// Reads `mdev:UUID`, `pid:N` or `demo`; a bare UUID or number is one of the first two.
  ///
  /// - Returns: `nil` for everything else.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts.first, parts.dropFirst().first) {
    case ("mdev", let rest?):
      guard let uuid = MdevUUID(String(rest)) else { return nil }
      self = .mdev(uuid)
    case ("pid", let rest?):
      guard let pid = Self.pid(String(rest)) else { return nil }
      self = .process(pid)
    case ("demo", nil):
      self = .demo
    case (let bare?, nil):
      if let uuid = MdevUUID(String(bare)) {
        self = .mdev(uuid)
      } else if let pid = Self.pid(String(bare)) {
        self = .process(pid)
      } else {
        return nil
      }
    default:
      return nil
    }
  }

  /// The form with its prefix.
  public var description: String {
    switch self {
    case .mdev(let uuid): "mdev:\(uuid)"
    case .process(let pid): "pid:\(pid)"
    case .demo: "demo"
    }
  }

  private static func pid(_ text: String) -> Int32? {
    guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let pid = Int32(text), pid > 0 else {
      return nil
    }
    return pid
  }
}
