// SPDX-License-Identifier: Apache-2.0

/// An object that C holds by an opaque pointer, which owns one reference.
protocol Handle: AnyObject {
  /// What the caller calls it.
  static var cName: String { get }
}

extension Handle {
  /// The pointer for a new owner in C.
  func passedToC() -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(self).toOpaque()) }

  /// The object of a pointer that C goes on owning.
  static func borrowed(_ pointer: OpaquePointer?) throws(Failure) -> Self {
    guard let pointer else { throw .null(cName) }
    return Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
  }

  /// Ends C's ownership.
  static func release(_ pointer: OpaquePointer?) {
    guard let pointer else { return }
    Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).release()
  }
}
