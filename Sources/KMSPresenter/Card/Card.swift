// SPDX-License-Identifier: Apache-2.0

import CDRM
import Glibc
import LinuxSystem
import SystemPackage
import VGPUDisplay

/// An open card, `/dev/dri/cardN`. The descriptor is closed when the last reference goes: the kernel then
/// shows its console again, if it has one and nobody else has the card open.
final class Card {
  /// The path of the node.
  let path: String
  /// The driver's name, such as `i915`.
  let driver: String
  /// Whether a framebuffer may name its modifier.
  let takesModifiers: Bool
  /// The size of a pointer's picture.
  let cursorSize: PixelSize
  private let file: OwnedFileDescriptor

  /// The descriptor, borrowed.
  var fd: Int32 { file.rawValue }

  /// The paths of the machine's cards, in the order of their numbers.
  static var paths: [String] {
    let names = (try? FileTree.names(in: "/dev/dri")) ?? []
    return names.compactMap { name in
      name.hasPrefix("card") ? Int(name.dropFirst(4)) : nil
    }
    .sorted().map { "/dev/dri/card\($0)" }
  }

  /// Opens a card, and asks for the kernel's atomic interface. Whoever opens a card first may change what
  /// it shows.
  ///
  /// - Returns: `nil` for a card without a display engine.
  /// - Throws: `KMSError.unopened`, `.notAtomic`.
  init?(_ path: String) throws(KMSError) {
    do {
      file = try OwnedFileDescriptor.open(path, flags: O_RDWR | O_NONBLOCK)
    } catch {
      throw .unopened(
        error.advising(
          error.errno == .permissionDenied
            ? "run as a user in the group video, or as root" : nil))
    }
    let fd = file.rawValue
    guard drmIsKMS(fd) != 0 else { return nil }
    self.path = path
    guard vgpu_drm_set_client_cap(fd, UInt64(DRM_CLIENT_CAP_UNIVERSAL_PLANES)) == 0,
      vgpu_drm_set_client_cap(fd, UInt64(DRM_CLIENT_CAP_ATOMIC)) == 0
    else { throw .notAtomic(card: path) }
    takesModifiers = vgpu_drm_capability(fd, UInt64(DRM_CAP_ADDFB2_MODIFIERS)) != 0
    func side(_ capability: Int32) -> Int {
      let side = vgpu_drm_capability(fd, UInt64(capability))
      // What the interface's first users had.
      return (1...4096).contains(side) ? Int(side) : 64
    }
    cursorSize = PixelSize(
      width: side(DRM_CAP_CURSOR_WIDTH), height: side(DRM_CAP_CURSOR_HEIGHT))
    if let version = drmGetVersion(fd) {
      driver = version.pointee.name.map { String(cString: $0) } ?? "unknown"
      drmFreeVersion(version)
    } else {
      driver = "unknown"
    }
  }

  /// Becomes the program that decides what the card shows.
  ///
  /// - Throws: `KMSError.notMaster`.
  func becomeMaster() throws(KMSError) {
    guard vgpu_drm_become_master(fd) == 0 else { throw .notMaster(card: path) }
  }

  /// mmap(2) of a part of the card's memory.
  func map(offset: UInt64, count: Int) throws(SystemCallError) -> MappedMemory {
    try MappedMemory(file, offset: offset, count: count, access: .readWrite, of: path)
  }

  /// A system call on this card.
  func call(_ name: String, _ body: () -> Int) throws(SystemCallError) {
    try SystemCall.make(name, on: path, body)
  }
}

// MARK: - What the kernel tells of the display engine

extension Card {
  /// Asks the kernel for the display engine, and looks at each monitor.
  ///
  /// - Throws: `KMSError.noCard` when the kernel does not tell.
  func engine() throws(KMSError) -> DisplayEngine {
    guard let resources = drmModeGetResources(fd) else { throw .noCard(path) }
    defer { drmModeFreeResources(resources) }
    let found = resources.pointee
    return DisplayEngine(
      connectors: ids(found.connectors, found.count_connectors).compactMap(connector),
      crtcs: ids(found.crtcs, found.count_crtcs), planes: planes())
  }

  private func ids(_ start: UnsafeMutablePointer<UInt32>?, _ count: Int32) -> [UInt32] {
    Array(UnsafeBufferPointer(start: start, count: start == nil ? 0 : max(0, Int(count))))
  }

  private func connector(_ id: UInt32) -> DisplayEngine.Connector? {
    guard let connector = drmModeGetConnector(fd, id) else { return nil }
    defer { drmModeFreeConnector(connector) }
    let found = connector.pointee
    let kind = drmModeGetConnectorTypeName(found.connector_type).map { String(cString: $0) }
    let modes = UnsafeBufferPointer(
      start: found.modes, count: found.modes == nil ? 0 : max(0, Int(found.count_modes)))
    return DisplayEngine.Connector(
      id: id, name: "\(kind ?? "Unknown")-\(found.connector_type_id)",
      isConnected: found.connection == DRM_MODE_CONNECTED && !modes.isEmpty,
      modes: modes.map(ScreenMode.init),
      possibleCRTCs: drmModeConnectorGetPossibleCrtcs(fd, connector),
      crtc: UInt32(
        truncatingIfNeeded: object(id, DRM_MODE_OBJECT_CONNECTOR).value(of: "CRTC_ID") ?? 0))
  }

  private func planes() -> [DisplayEngine.Plane] {
    guard let resources = drmModeGetPlaneResources(fd) else { return [] }
    defer { drmModeFreePlaneResources(resources) }
    let found = resources.pointee
    return ids(found.planes, Int32(clamping: found.count_planes)).compactMap { id in
      guard let plane = drmModeGetPlane(fd, id) else { return nil }
      defer { drmModeFreePlane(plane) }
      let kind: DisplayEngine.Plane.Kind =
        switch object(id, DRM_MODE_OBJECT_PLANE).value(of: "type") {
        case UInt64(DRM_PLANE_TYPE_PRIMARY): .primary
        case UInt64(DRM_PLANE_TYPE_CURSOR): .cursor
        default: .overlay
        }
      return DisplayEngine.Plane(
        id: id, kind: kind, possibleCRTCs: plane.pointee.possible_crtcs,
        crtc: plane.pointee.crtc_id)
    }
  }

  /// The properties of a CRTC, a connector or a plane, with their values now.
  func object(_ id: UInt32, _ type: UInt32) -> KMSObject {
    guard let list = drmModeObjectGetProperties(fd, id, type) else { return KMSObject(id: id) }
    defer { drmModeFreeObjectProperties(list) }
    var object = KMSObject(id: id)
    for index in 0..<Int(list.pointee.count_props) {
      guard let property = drmModeGetProperty(fd, list.pointee.props[index]) else { continue }
      defer { drmModeFreeProperty(property) }
      object.add(
        KMSObject.Property(
          id: property.pointee.prop_id, name: Self.text(property.pointee.name),
          value: list.pointee.prop_values[index],
          isBlob: property.pointee.flags & UInt32(DRM_MODE_PROP_BLOB) != 0))
    }
    return object
  }

  /// The bytes of a blob, which goes when nobody uses it.
  func bytes(ofBlob id: UInt32) -> [UInt8]? {
    guard let blob = drmModeGetPropertyBlob(fd, id) else { return nil }
    defer { drmModeFreePropertyBlob(blob) }
    guard let data = blob.pointee.data else { return nil }
    return Array(UnsafeRawBufferPointer(start: data, count: Int(blob.pointee.length)))
  }

  /// Characters up to the first zero.
  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension ScreenMode {
  fileprivate init(_ mode: drmModeModeInfo) {
    // In thousandths of a second, times a million: nothing overflows, each side has 16 bits.
    let pixels = Int(mode.htotal) * Int(mode.vtotal) * max(1, Int(mode.vscan))
    let isInterlaced = mode.flags & UInt32(DRM_MODE_FLAG_INTERLACE) != 0
    let isDoubled = mode.flags & UInt32(DRM_MODE_FLAG_DBLSCAN) != 0
    let interval = mode.clock > 0 ? pixels * 1_000_000 / Int(mode.clock) : 0
    self.init(
      size: PixelSize(width: Int(mode.hdisplay), height: Int(mode.vdisplay)),
      interval: isInterlaced ? interval / 2 : isDoubled ? interval * 2 : interval,
      isPreferred: mode.type & UInt32(DRM_MODE_TYPE_PREFERRED) != 0,
      isInterlaced: isInterlaced, timing: withUnsafeBytes(of: mode) { Array($0) })
  }
}
