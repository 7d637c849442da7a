// SPDX-License-Identifier: Apache-2.0

/// An error that a program can branch on: `VGPU_ERROR_*` and the exit codes of the command follow its
/// class. Every error type that a caller of the libraries gets classifies its own cases.
package protocol ClassifiedError: Error {
  /// What went wrong, for programs.
  var errorClass: ErrorClass { get }
}

/// What went wrong, for programs.
package struct ErrorClass: Hashable, Sendable {
  package enum Kind: CaseIterable, Hashable, Sendable {
    /// The caller's mistake: a text or a number without a meaning here, or parts that do not go
    /// together.
    case argument
    /// What the caller named does not exist.
    case notFound
    /// It exists, but no guest runs it now, or its guest has ended.
    case notRunning
    /// The kernel, libvirt or a bridge does not permit it to this user.
    case notPermitted
    /// Several things fit, and none was chosen.
    case ambiguous
    /// Somebody else uses it, or nothing of it is left. It may be free later.
    case busy
    /// The device has no display, or the process has no VFIO device.
    case noDisplay
    /// The guest has a display, and shows nothing on it now.
    case noPicture
    /// This driver, kernel or program, or this kind of guest, cannot do it.
    case unsupported
    /// Anything else, such as a system call that failed in another way.
    case other
  }

  package let kind: Kind
  /// The errno of the system call that failed, or 0.
  package let errno: Int32

  package init(_ kind: Kind, errno: Int32 = 0) {
    self.kind = kind
    self.errno = errno
  }

  package static let argument = ErrorClass(.argument)
  package static let notFound = ErrorClass(.notFound)
  package static let notRunning = ErrorClass(.notRunning)
  package static let notPermitted = ErrorClass(.notPermitted)
  package static let ambiguous = ErrorClass(.ambiguous)
  package static let busy = ErrorClass(.busy)
  package static let noDisplay = ErrorClass(.noDisplay)
  package static let noPicture = ErrorClass(.noPicture)
  package static let unsupported = ErrorClass(.unsupported)
  package static let other = ErrorClass(.other)

  /// The class of any error.
  package init(of error: any Error) {
    self = (error as? any ClassifiedError)?.errorClass ?? .other
  }
}

extension ErrorClass.Kind {
  /// The exit code of a program that ends with such an error: up to 78 those of sysexits.h, which systemd
  /// names too. docs/json.md has the list.
  package var exitCode: Int32 {
    switch self {
    case .other: 1
    case .argument: 64
    case .notFound: 66
    case .notRunning: 69
    case .busy: 75
    case .notPermitted: 77
    case .noPicture: 79
    case .noDisplay: 80
    case .ambiguous: 81
    case .unsupported: 82
    }
  }

  /// What a program's exit code says.
  package init(exitCode: Int32) {
    self = Self.allCases.first { $0.exitCode == exitCode } ?? .other
  }
}
