// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay

/// A CRTC, a connector or a plane, with its properties as they were when it was asked.
struct KMSObject {
  /// A property of an object.
  struct Property {
    let id: UInt32
    let name: String
    let value: UInt64
    /// Whether the value is the number of a blob.
    let isBlob: Bool
  }

  /// Its number.
  let id: UInt32
  private var properties: [String: Property] = [:]

  init(id: UInt32) { self.id = id }

  mutating func add(_ property: Property) { properties[property.name] = property }

  /// A property, when the driver has it.
  subscript(_ name: String) -> Property? { properties[name] }

  /// A property's value, when the driver has it.
  func value(of name: String) -> UInt64? { properties[name]?.value }
}

/// The properties that place a picture in a CRTC's: every driver with the atomic interface has them.
struct PlaneProperties {
  /// The plane.
  let plane: UInt32
  private let framebuffer: UInt32
  private let crtc: UInt32
  private let source: (x: UInt32, y: UInt32, width: UInt32, height: UInt32)
  private let target: (x: UInt32, y: UInt32, width: UInt32, height: UInt32)

  /// The names of all of them.
  static let names = [
    "FB_ID", "CRTC_ID", "SRC_X", "SRC_Y", "SRC_W", "SRC_H", "CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H",
  ]

  init?(_ object: KMSObject) {
    let ids = Self.names.compactMap { object[$0]?.id }
    guard ids.count == Self.names.count else { return nil }
    plane = object.id
    framebuffer = ids[0]
    crtc = ids[1]
    source = (ids[2], ids[3], ids[4], ids[5])
    target = (ids[6], ids[7], ids[8], ids[9])
  }

  /// Has the plane show a part of a framebuffer at a place of a CRTC's picture.
  func show(_ picture: PlanePicture, on crtc: UInt32, in request: inout AtomicRequest) {
    request.begin(plane)
    request.set(framebuffer, UInt64(picture.framebuffer))
    request.set(self.crtc, UInt64(crtc))
    // Fixed point, 16 bits behind the point.
    request.set(source.x, UInt64(picture.source.x) << 16)
    request.set(source.y, UInt64(picture.source.y) << 16)
    request.set(source.width, UInt64(picture.source.width) << 16)
    request.set(source.height, UInt64(picture.source.height) << 16)
    request.set(target.x, UInt64(bitPattern: Int64(picture.x)))
    request.set(target.y, UInt64(bitPattern: Int64(picture.y)))
    request.set(target.width, UInt64(picture.source.width))
    request.set(target.height, UInt64(picture.source.height))
  }

  /// Has the plane show nothing.
  func hide(in request: inout AtomicRequest) {
    request.begin(plane)
    request.set(framebuffer, 0)
    request.set(crtc, 0)
  }
}
