// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// What is common to all system calls: an interrupted one is made again, a refused one is an error
/// with a name.
public enum SystemCall {
  /// The kernel's reason in an answer below zero.
  @inlinable
  public static func errno(_ answer: Int) -> Errno {
    Errno(rawValue: CInt(truncatingIfNeeded: -answer))
  }

  /// Makes `body`'s call until it is not interrupted (EINTR), and returns the answer: zero and up
  /// is success, below zero is the negated errno.
  @inlinable
  public static func uninterrupted(_ body: () -> Int) -> Int {
    while true {
      let answer = body()
      if answer != -Int(Errno.interrupted.rawValue) { return answer }
    }
  }

  /// Makes `body`'s call until it is not interrupted (EINTR).
  ///
  /// - Returns: what the kernel returned, zero or more.
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
