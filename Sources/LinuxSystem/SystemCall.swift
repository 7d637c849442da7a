// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import SystemPackage

/// The rules for all system calls: an interrupted call is made again, a refused call is an error
/// with a name.
public enum SystemCall {
  /// The kernel's reason in an answer below zero.
  @inlinable
  public static func errno(_ answer: Int) -> Errno {
    Errno(rawValue: CInt(truncatingIfNeeded: -answer))
  }

  /// Makes `body`'s call until no signal interrupts it (EINTR), and returns the answer: zero and
  /// above is success, below zero is the negated errno.
  @inlinable
  public static func uninterrupted(_ body: () -> Int) -> Int {
    while true {
      let answer = body()
      if answer != -Int(Errno.interrupted.rawValue) { return answer }
    }
  }

  /// Makes `body`'s call until no signal interrupts it (EINTR).
  ///
  /// - Returns: the kernel's answer, zero or more.
  /// - Throws: `SystemCallError` with this call and object.
  @inlinable
  @discardableResult
  public static func make(
    _ call: @autoclosure () -> String, on object: @autoclosure () -> String, _ body: () -> Int
  ) throws(SystemCallError) -> Int {
    let answer = uninterrupted(body)
    if answer < 0 {
      throw SystemCallError(call: call(), object: object(), errno: errno(answer))
    }
    return answer
  }
}

/// A system call that the kernel refused.
public struct SystemCallError: Error, Hashable, Sendable {
  /// The call, by its name in C, such as `"VFIO_GROUP_GET_STATUS"` or `"open"`.
  public var call: String
  /// The object of the call: a path, a device's name, "process 4711".
  public var object: String
  /// The kernel's reason.
  public var errno: Errno
  /// The remedy for the user; `nil` when none is known.
  public var remedy: String?

  /// Makes an error from its four parts.
  public init(call: String, object: String, errno: Errno, remedy: String? = nil) {
    self.call = call
    self.object = object
    self.errno = errno
    self.remedy = remedy
  }

  /// The same error with a remedy, unless it has one already.
  public func advising(_ remedy: @autoclosure () -> String?) -> SystemCallError {
    var copy = self
    copy.remedy = self.remedy ?? remedy()
    return copy
  }
}

extension SystemCallError: ClassifiedError {
  package var errorClass: ErrorClass {
    let kind: ErrorClass.Kind =
      switch errno {
      case .notPermitted, .permissionDenied: .notPermitted
      case .noSuchFileOrDirectory, .noSuchProcess: .notFound
      case .inappropriateIOCTLForDevice: .unsupported
      case .resourceBusy, .addressInUse: .busy
      default: .other
      }
    return ErrorClass(kind, errno: errno.rawValue)
  }
}

extension SystemCallError: CustomStringConvertible {
  /// One line: object, call, cause, remedy.
  public var description: String {
    let cause = "\(object): \(call): \(errno.description)"
    guard let remedy else { return cause }
    return "\(cause); \(remedy)"
  }
}
