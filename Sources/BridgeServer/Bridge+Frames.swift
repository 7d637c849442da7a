// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import DMABuf
import LinuxSystem
import VGPUDisplay

/// Answers to LOOK.
extension Bridge {
  /// - Parameter since: when the client stopped reading; `nil` when the question has just come.
  func answerLook(_ client: Client, _ serial: UInt32, since: MonotonicInstant?) {
    guard let vGPU = chosen(by: client, serial) else { return }
    let look = vGPU.look(.now, copied: copied)
    let sent =
      switch look.state {
      case .frame(let frame): send(frame, lookedAt: look.at, serial, to: client, vGPU)
      case .noPicture(let reason): send(reason, serial, to: client)
      }
    switch sent {
    case .all: break
    case .notNow:
      if since == nil { done.postponed += 1 }
      client.owed = (serial, since ?? .now)
    case .never: client.hasEnded = true
    }
  }

  private func send(_ reason: NoPicture, _ serial: UInt32, to client: Client) -> Client.Sending {
    let absence = Absence(reason)
    let sent = client.send(.noPicture(absence, reason: "\(reason)"), serial: serial)
    if sent == .all, absence == .gone { client.releaseAll() }
    return sent
  }

  private func send(
    _ frame: Frame, lookedAt: MonotonicInstant, _ serial: UInt32, to client: Client,
    _ vGPU: BridgedVGPU
  ) -> Client.Sending {
    var sent = sendIfNew(frame.primary, serial, to: client, vGPU)
    guard sent == .all else { return sent }
    var pointer: SharedFrame.Pointer?
    if let cursor = frame.cursor, cursor.buffer.canBeShared {
      sent = sendIfNew(cursor.buffer, serial, to: client, vGPU)
      guard sent == .all else { return sent }
      pointer = SharedFrame.Pointer(
        buffer: cursor.buffer.id, x: Int32(clamping: cursor.x), y: Int32(clamping: cursor.y),
        hotspot: cursor.hotspot.map {
          SharedFrame.Hotspot(x: Int32(clamping: $0.x), y: Int32(clamping: $0.y))
        })
    }
    return client.send(
      .frame(
        SharedFrame(
          buffer: frame.primary.id, pointer: pointer, flip: frame.flip,
          detectedAt: frame.detectedAt.nanoseconds, lookedAt: lookedAt.nanoseconds)),
      serial: serial)
  }

  private func sendIfNew(
    _ buffer: PlaneBuffer, _ serial: UInt32, to client: Client, _ vGPU: BridgedVGPU
  ) -> Client.Sending {
    guard !client.holds(buffer.id), case .dmaBuf(let memory) = buffer.storage else { return .all }
    guard client.mayHold(bytes: memory.size, limits) else {
      expel(client, .limit, "it holds too many buffers, or too large ones", serial: serial)
      return .never
    }
    guard let shared = SharedBuffer(buffer) else {
      return client.send(
        .noPicture(.trouble, reason: "\(vGPU.name): its picture cannot be described"),
        serial: serial)
    }
    let sent = client.send(.buffer(shared), serial: serial, descriptor: memory.rawValue)
    if sent == .all {
      client.hold(buffer.id, bytes: memory.size)
      vGPU.buffersSent += 1
    }
    return sent
  }
}

extension Absence {
  init(_ reason: NoPicture) {
    self =
      switch reason {
      case .planeOff: .planeOff
      case .waiting, .failed, .noDisplay: .gone
      case .settingMode, .defective, .unavailable: .trouble
      }
  }
}

extension SharedBuffer {
  /// `nil` for a layout that the protocol cannot describe.
  fileprivate init?(_ buffer: PlaneBuffer) {
    let layout = buffer.layout
    guard buffer.canBeShared, let width = UInt32(exactly: layout.width),
      let height = UInt32(exactly: layout.height),
      let stride = UInt32(exactly: layout.stride), let linear = layout.linearEnd,
      let size = UInt32(
        exactly: layout.modifier == .linear ? linear : layout.stride * layout.height)
    else { return nil }
    self.init(
      id: buffer.id, modifier: layout.modifier.rawValue, format: layout.format.fourCC.rawValue,
      width: width, height: height, stride: stride, size: size)
  }
}
