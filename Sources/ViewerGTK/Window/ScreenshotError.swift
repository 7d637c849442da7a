// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// Why a guest's picture was not saved.
public enum ScreenshotError: Error, Hashable, Sendable {
  /// There is none, or it cannot be read: why.
  case noPicture(String)
  /// libpng does not take it: its words.
  case notEncoded(String)
  /// No file can be made or written: the path, and the kernel's reason.
  case notWritten(String, Errno)
}

extension ScreenshotError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .noPicture(let reason): reason
    case .notEncoded(let reason): "the picture cannot be encoded: \(reason)"
    case .notWritten(let path, let errno):
      "\(path): \(errno.description); make the folder writable, or choose another in xdg-user-dirs (XDG_PICTURES_DIR)"
    }
  }
}
