// SPDX-License-Identifier: Apache-2.0

import CDRM
import LinuxSystem

/// What a screen showed before this program, to be put back.
struct SavedState {
  private struct Value {
    let property: KMSObject.Property
    /// What the blob held: the kernel drops a blob that nobody uses.
    let bytes: [UInt8]?
  }

  private var objects: [(id: UInt32, values: [Value])] = []

  /// Notes the values that an object's properties have now.
  ///
  /// - Parameter names: the properties that will be changed; those that the driver lacks are left out.
  mutating func add(_ object: KMSObject, _ names: [String], of card: Card) {
    let values = names.compactMap { object[$0] }.map { property in
      Value(
        property: property,
        bytes: property.isBlob && property.value != 0
          ? card.bytes(ofBlob: UInt32(truncatingIfNeeded: property.value)) : nil)
    }
    objects.append((object.id, values))
  }

  /// Puts everything back.
  ///
  /// - Throws: `SystemCallError` when the kernel refuses, for example because the program that made the
  ///   picture has ended meanwhile.
  func restore(on card: Card) throws(SystemCallError) {
    var request = AtomicRequest()
    var blobs: [UInt32] = []
    // The screen's state keeps them.
    defer { for blob in blobs { _ = vgpu_drm_destroy_blob(card.fd, blob) } }
    for (id, values) in objects {
      request.begin(id)
      for value in values {
        guard let bytes = value.bytes else {
          request.set(value.property.id, value.property.value)
          continue
        }
        let blob = try Blob.create(bytes, on: card)
        blobs.append(blob)
        request.set(value.property.id, UInt64(blob))
      }
    }
    try request.commit(on: card, .modeset)
  }
}

/// Bytes that a property's value names.
enum Blob {
  /// DRM_IOCTL_MODE_CREATEPROPBLOB. The caller destroys it; what uses it keeps it.
  static func create(_ bytes: [UInt8], on card: Card) throws(SystemCallError) -> UInt32 {
    var blob: UInt32 = 0
    try card.call("DRM_IOCTL_MODE_CREATEPROPBLOB") {
      vgpu_drm_create_blob(card.fd, bytes, bytes.count, &blob)
    }
    return blob
  }
}
