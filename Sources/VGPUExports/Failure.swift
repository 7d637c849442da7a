// SPDX-License-Identifier: Apache-2.0

package import Attachment
package import CVGPU
package import ErrorKinds

/// An error for a C caller: `vgpu_error`, as a Swift error.
package struct Failure: Error {
  /// The codes for programs: `VGPU_ERROR_*`.
  package enum Code: Int32, Sendable {
    case argument = 1
    case notFound, notRunning, notPermitted, ambiguous, noDisplay, noPicture, unsupported, system
    case inUse
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
  /// An error of the libraries, in their words.
  package init(_ error: some ClassifiedError) {
    self.init(classified: error, "\(error)")
  }

  package init(_ error: AttachmentError) {
    let message =
      if case .notControlled(let name) = error {
        """
        \(name): the source was opened without VGPU_OPEN_MONITOR, so nothing is written to the \
        device; open it with that flag
        """
      } else {
        "\(error)"
      }
    self.init(classified: error, message)
  }

  private init(classified error: some ClassifiedError, _ message: String) {
    let found = error.errorClass
    self.init(Code(found.kind), message, errno: found.errno)
  }
}

extension Failure.Code {
  /// The header's word for a kind of error.
  fileprivate init(_ kind: ErrorClass.Kind) {
    self =
      switch kind {
      case .argument: .argument
      case .notFound: .notFound
      case .notRunning: .notRunning
      case .notPermitted: .notPermitted
      case .ambiguous: .ambiguous
      case .noDisplay: .noDisplay
      case .noPicture: .noPicture
      case .unsupported: .unsupported
      case .busy: .inUse
      case .other: .system
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

  /// Runs what throws a library's error, for a C caller.
  package static func of<Value, Problem: ClassifiedError>(
    _ body: () throws(Problem) -> Value
  ) throws(Failure) -> Value {
    do {
      return try body()
    } catch {
      throw Failure(error)
    }
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
