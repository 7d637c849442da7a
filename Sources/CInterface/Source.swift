// SPDX-License-Identifier: Apache-2.0

import Attachment
import CVGPU
import LinuxSystem
import VGPUDisplay

/// What a `vgpu_source` is: a source, what it last showed, and its timer.
final class Source: Handle {
  static let cName = "vgpu_source"

  /// Serialises everything below that can change.
  let turn = Turn()
  /// Only `poll` needs the turn; the rest of it is for any thread.
  let attached: AttachedSource
  private var frame: Frame?
  private var reason: NoPicture?
  private var timer: RepeatingTimer?

  init(_ attached: AttachedSource) { self.attached = attached }

  /// Why there is no picture; empty while there is one.
  var message: String { turn.take { reason.map { "\($0)" } ?? "" } }

  /// Looks at the guest.
  ///
  /// - Returns: `VGPU_STATE_*`.
  func poll(_ told: UnsafeMutablePointer<vgpu_frame>?) -> Int32 {
    turn.take {
      timer?.readOff()
      switch attached.poll() {
      case .frame(let frame):
        self.frame = frame
        reason = nil
        told?.pointee = vgpu_frame(frame)
        return Int32(VGPU_STATE_FRAME)
      case .noPicture(let reason):
        // A buffer that is kept would keep a region's device busy.
        frame = nil
        self.reason = reason
        told?.pointee = vgpu_frame()
        return reason.state
      }
    }
  }

  /// A new reference to a buffer of the last poll's frame.
  func buffer(_ plane: Int32) throws(Failure) -> Buffer {
    var found: PlaneBuffer?
    try turn.take { () throws(Failure) in
      switch Int(plane) {
      case VGPU_PLANE_PRIMARY: found = frame?.primary
      case VGPU_PLANE_CURSOR: found = frame?.cursor?.buffer
      default: throw Failure(.argument, "plane \(plane): not one of VGPU_PLANE_*")
      }
    }
    guard let found else {
      throw Failure(
        .noPicture,
        "\(attached.name): the last poll found no such picture; poll until it returns a frame")
    }
    return Buffer(found, turn)
  }

  /// The descriptor that tells when to poll.
  func descriptor(rate: Double) throws(Failure) -> Int32 {
    guard rate > 0, rate <= 1000 else {
      throw Failure(.argument, "rate \(rate): give more than 0 and at most 1000 Hz")
    }
    return try turn.take { () throws(Failure) in
      do throws(SystemCallError) {
        if timer == nil { timer = try RepeatingTimer() }
        try timer?.start(rate: rate)
      } catch {
        throw Failure(error)
      }
      return timer?.rawValue ?? -1
    }
  }
}

extension NoPicture {
  /// As C knows it: `VGPU_STATE_*`.
  fileprivate var state: Int32 {
    switch self {
    case .planeOff: Int32(VGPU_STATE_OFF)
    case .waiting: Int32(VGPU_STATE_WAITING)
    case .settingMode, .defective, .unavailable: Int32(VGPU_STATE_TROUBLE)
    case .noDisplay, .failed: Int32(VGPU_STATE_ENDED)
    }
  }
}

extension vgpu_frame {
  fileprivate init(_ frame: Frame) {
    let cursor = frame.cursor
    self.init(
      flip: frame.flip, detected_ns: frame.detectedAt.nanoseconds, buffer_id: frame.primary.id,
      cursor_id: cursor?.buffer.id ?? 0, cursor_x: Int32(clamping: cursor?.x ?? 0),
      cursor_y: Int32(clamping: cursor?.y ?? 0),
      hotspot_x: Int32(clamping: cursor?.hotspot?.x ?? -1),
      hotspot_y: Int32(clamping: cursor?.hotspot?.y ?? -1))
  }
}
