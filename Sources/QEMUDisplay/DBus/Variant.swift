// SPDX-License-Identifier: Apache-2.0

import CGIO

#if !GIO
  #error("QEMUDisplay needs the trait GIO of swift-vgpu, and libglib2.0-dev")
#endif

/// A value of a D-Bus message (GVariant). A reader asks for values of a type and gets `nil` when the
/// value is of another type, because messages come from outside.
final class Variant {
  let raw: OpaquePointer

  /// Takes over a reference.
  init(owning raw: OpaquePointer) { self.raw = raw }

  /// Takes a new value, whose reference is floating (g_variant_ref_sink).
  init(floating raw: OpaquePointer) { self.raw = g_variant_ref_sink(raw) }

  deinit { g_variant_unref(raw) }

  // MARK: Reading

  /// The type in D-Bus's notation, such as `(uuuuay)`.
  var signature: String { String(cString: g_variant_get_type_string(raw)) }

  /// The members of a tuple or an array of this exact type; `nil` for a value of another type.
  func members(_ signature: String) -> [Variant]? {
    self.signature == signature ? members : nil
  }

  /// The most members that are read. No message of QEMU's has more, but one may have millions.
  static let mostMembers: gsize = 1024

  /// The members of a container; empty for any other value.
  var members: [Variant] {
    guard g_variant_is_container(raw) != 0 else { return [] }
    return (0..<min(g_variant_n_children(raw), Self.mostMembers)).map {
      Variant(owning: g_variant_get_child_value(raw, $0))
    }
  }

  var int32: Int32? { signature == "i" ? g_variant_get_int32(raw) : nil }
  var uint32: UInt32? { signature == "u" ? g_variant_get_uint32(raw) : nil }
  var uint64: UInt64? { signature == "t" ? UInt64(g_variant_get_uint64(raw)) : nil }
  var byte: UInt8? { signature == "y" ? g_variant_get_byte(raw) : nil }
  var bool: Bool? { signature == "b" ? g_variant_get_boolean(raw) != 0 : nil }
  /// The place of a descriptor in the message's list.
  var handle: Int32? { signature == "h" ? g_variant_get_handle(raw) : nil }

  var string: String? {
    guard signature == "s" else { return nil }
    var length: gsize = 0
    return g_variant_get_string(raw, &length).map { String(cString: $0) }
  }

  /// The bytes of an `ay`, valid within `body`.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result? {
    guard signature == "ay" else { return nil }
    var count: gsize = 0
    let start = g_variant_get_fixed_array(raw, &count, 1)
    return try body(UnsafeRawBufferPointer(start: start, count: Int(count)))
  }

  /// The unsigned numbers of an `au`.
  var uint32s: [UInt32]? {
    signature == "au" ? members.compactMap(\.uint32) : nil
  }

  /// The text of an `as`.
  var strings: [String]? {
    signature == "as" ? members.compactMap(\.string) : nil
  }

  /// The entries of an `a{sv}`, unpacked.
  var dictionary: [String: Variant]? {
    guard signature == "a{sv}" else { return nil }
    var entries: [String: Variant] = [:]
    for entry in members {
      let parts = entry.members
      guard parts.count == 2, let key = parts[0].string, let value = parts[1].members.first else {
        continue
      }
      entries[key] = value
    }
    return entries
  }

  // MARK: Making

  /// A value whose bytes come from elsewhere (g_variant_new_from_bytes, not trusted).
  ///
  /// - Parameter signature: a definite type in D-Bus's notation.
  static func untrusted(_ bytes: [UInt8], _ signature: String) -> Variant {
    let type = g_variant_type_new(signature)
    defer { g_variant_type_free(type) }
    return bytes.withUnsafeBytes { bytes in
      let copy = g_bytes_new(bytes.baseAddress, gsize(bytes.count))
      defer { g_bytes_unref(copy) }
      return Variant(floating: g_variant_new_from_bytes(type, copy, 0))
    }
  }

  static func byte(_ value: UInt8) -> Variant { Variant(floating: g_variant_new_byte(value)) }
  static func int32(_ value: Int32) -> Variant { Variant(floating: g_variant_new_int32(value)) }
  static func uint16(_ value: UInt16) -> Variant { Variant(floating: g_variant_new_uint16(value)) }
  static func uint32(_ value: UInt32) -> Variant { Variant(floating: g_variant_new_uint32(value)) }
  static func uint64(_ value: UInt64) -> Variant {
    Variant(floating: g_variant_new_uint64(guint64(value)))
  }
  static func double(_ value: Double) -> Variant { Variant(floating: g_variant_new_double(value)) }
  static func bool(_ value: Bool) -> Variant {
    Variant(floating: g_variant_new_boolean(value ? 1 : 0))
  }
  static func handle(_ value: Int32) -> Variant { Variant(floating: g_variant_new_handle(value)) }
  static func string(_ value: String) -> Variant { Variant(floating: g_variant_new_string(value)) }

  static func variant(_ value: Variant) -> Variant {
    withExtendedLifetime(value) { Variant(floating: g_variant_new_variant($0.raw)) }
  }

  static func strings(_ values: [String]) -> Variant {
    array("s", values.map { string($0) })
  }

  static func bytes(_ values: [UInt8]) -> Variant { untrusted(values, "ay") }

  /// An `a{sv}`.
  static func dictionary(_ values: [String: Variant]) -> Variant {
    let entries = values.map { key, value in
      withExtendedLifetime((string(key), variant(value))) { key, value in
        Variant(floating: g_variant_new_dict_entry(key.raw, value.raw))
      }
    }
    return array("{sv}", entries)
  }

  /// A tuple, such as a message's arguments.
  static func tuple(_ members: [Variant]) -> Variant {
    let raw = members.map { Optional($0.raw) }
    return withExtendedLifetime(members) {
      raw.withUnsafeBufferPointer {
        Variant(floating: g_variant_new_tuple($0.baseAddress, gsize($0.count)))
      }
    }
  }

  private static func array(_ signature: String, _ members: [Variant]) -> Variant {
    let type = g_variant_type_new(signature)
    defer { g_variant_type_free(type) }
    let raw = members.map { Optional($0.raw) }
    return withExtendedLifetime(members) {
      raw.withUnsafeBufferPointer {
        Variant(floating: g_variant_new_array(type, $0.baseAddress, gsize($0.count)))
      }
    }
  }
}
