// SPDX-License-Identifier: Apache-2.0

/// Turns the data pointer of a C callback back into the object that it was made of. GTK and
/// libwayland's default queue call on the main thread alone.
func onMain<Object: AnyObject & Sendable>(
  _ data: UnsafeMutableRawPointer?, as type: Object.Type, _ body: @MainActor (Object) -> Void
) {
  guard let data else { return }
  let object = Unmanaged<Object>.fromOpaque(data).takeUnretainedValue()
  MainActor.assumeIsolated { body(object) }
}

extension Unmanaged {
  /// The data pointer for a callback that does not keep its object alive.
  static func borrowed(_ object: Instance) -> UnsafeMutableRawPointer {
    passUnretained(object).toOpaque()
  }
}
