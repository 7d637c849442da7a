// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import LinuxSystem
import Logging
import SystemPackage
import VGPUDisplay

/// Clients' messages, and the answers.
extension Bridge {
  /// Messages of one client that are answered in a turn: a viewer sends this many for a frame.
  private static let mostInTurn = 2

  /// - Returns: whether the client got its turn.
  func serve(_ client: Client, _ events: Int32) -> Bool {
    guard !client.hasEnded else { return true }
    if events & (POLLERR | POLLHUP | POLLNVAL) != 0 {
      // Messages from before the client's end need no answer.
      client.hasEnded = true
      return true
    }
    if events & POLLOUT != 0, let owed = client.owed {
      client.owed = nil
      answerLook(client, owed.serial, since: owed.since)
    }
    guard events & POLLIN != 0 else { return true }
    for _ in 0..<Self.mostInTurn where !client.hasEnded && client.owed == nil {
      guard client.account?.hasShare(of: turn) == true else { return false }
      guard client.mayTakeMessage(.now) else {
        client.isThrottled = true
        done.throttled += 1
        return true
      }
      guard receive(client) else { return true }
    }
    return true
  }

  /// - Returns: whether there may be more.
  private func receive(_ client: Client) -> Bool {
    // One byte more than the longest message, so that a longer one is not cut to this length.
    withUnsafeTemporaryAllocation(byteCount: WireConstants.longestMessage + 1, alignment: 8) {
      buffer in
      var descriptors: Int32 = 0
      let count = SystemCall.uninterrupted {
        vgpu_receive_alone(
          client.socket.rawValue, buffer.baseAddress, buffer.count, &descriptors)
      }
      if descriptors != 0 {
        done.strayDescriptors += 1
        expel(client, .malformed, "it has sent a descriptor")
        return false
      }
      guard count >= 0 else {
        if SystemCall.errno(count) != .resourceTemporarilyUnavailable { client.hasEnded = true }
        return false
      }
      if count == 0, client.socket.isAtEnd {
        client.hasEnded = true
        return false
      }
      done.messages += 1
      client.countMessage(.now)
      do throws(ProtocolError) {
        let (message, serial) = try ClientMessage.decode(
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        handle(message, serial, client)
      } catch {
        done.malformed += 1
        expel(client, .malformed, "\(error)")
      }
      return true
    }
  }

  private func handle(_ message: ClientMessage, _ serial: UInt32, _ client: Client) {
    switch message {
    case .hello(let oldest, let newest): greet(client, oldest, newest, serial)
    case _ where !client.hasGreeted:
      expel(client, .malformed, "no HELLO before other messages", serial: serial)
    case .list(let index): list(client, index, serial)
    case .open(let identifier): open(client, identifier, serial)
    case .look: answerLook(client, serial, since: nil)
    case .release(let buffer): client.release(buffer)
    case .resize(let width, let height):
      resize(client, width: Int(width), height: Int(height), serial)
    case .count: reply(.counters(counters), serial, client)
    }
  }

  private func greet(_ client: Client, _ oldest: UInt16, _ newest: UInt16, _ serial: UInt32) {
    let version = min(newest, WireConstants.versions.upperBound)
    guard !client.hasGreeted else {
      expel(client, .malformed, "a second HELLO", serial: serial)
      return
    }
    guard version >= oldest, WireConstants.versions.contains(version) else {
      expel(
        client, .version, "this bridge speaks version \(WireConstants.versions.upperBound)",
        serial: serial)
      return
    }
    client.hasGreeted = true
    reply(
      .welcome(
        Welcome(
          version: version, buffers: UInt32(clamping: limits.buffersPerClient),
          messagesPerSecond: UInt32(clamping: limits.messagesPerSecond),
          bytes: UInt64(clamping: limits.bytesPerClient))),
      serial, client)
  }

  private func list(_ client: Client, _ index: UInt32, _ serial: UInt32) {
    let visible = visible(to: client)
    guard visible.indices.contains(Int(index)) else {
      reply(.refused(.noSuchVGPU, reason: "no vGPU has this index"), serial, client)
      return
    }
    let vGPU = visible[Int(index)]
    reply(
      .vGPU(
        ListedVGPU(
          index: index, count: UInt32(clamping: visible.count), identifier: vGPU.identifier,
          viewers: UInt32(clamping: vGPU.viewers), canResize: vGPU.monitor != nil,
          looks: vGPU.looks, polls: vGPU.polls, flips: vGPU.flips, buffers: vGPU.buffersSent,
          name: vGPU.name)),
      serial, client)
  }

  private func open(_ client: Client, _ identifier: VGPUIdentifier, _ serial: UInt32) {
    let visible = visible(to: client)
    let chosen = identifier == .only ? visible : visible.filter { $0.identifier == identifier }
    guard let vGPU = chosen.first else {
      // A vGPU that the client may not see does not exist for this client.
      reply(
        .refused(
          .noSuchVGPU, reason: identifier == .only ? "there is no vGPU" : "no vGPU \(identifier)"),
        serial, client)
      return
    }
    guard chosen.count == 1 else {
      reply(
        .refused(.severalVGPUs, reason: "there are \(chosen.count) vGPUs: name one"), serial, client
      )
      return
    }
    client.vGPU?.viewers -= 1
    client.releaseAll()
    client.vGPU = vGPU
    vGPU.viewers += 1
    vGPU.open()
    // The answer needs the name and the monitor, which the source knows after a look.
    _ = vGPU.look(.now, copied: copied)
    let monitor = vGPU.monitor
    reply(
      .opened(
        OpenedVGPU(
          identifier: vGPU.identifier, canResize: monitor != nil,
          maximumWidth: UInt32(clamping: monitor?.maximum?.width ?? 0),
          maximumHeight: UInt32(clamping: monitor?.maximum?.height ?? 0), name: vGPU.name)),
      serial, client)
    notice("\(client) looks at \(vGPU.name)", .now, level: .info)
  }

  private func resize(_ client: Client, width: Int, height: Int, _ serial: UInt32) {
    guard let vGPU = chosen(by: client, serial) else { return }
    guard let monitor = vGPU.monitor else {
      reply(
        .refused(.size, reason: "\(vGPU.name): the bridge cannot change this guest's monitor"),
        serial, client)
      return
    }
    guard vGPU.mayResize(.now) else {
      let most = BridgedVGPU.resizesPerSecond
      reply(
        .refused(.size, reason: "too often: a guest gets \(most) monitors a second at most"),
        serial,
        client)
      return
    }
    do {
      try monitor.resize(width, height)
      notice("\(client) has asked for \(width)x\(height) on \(vGPU.name)", .now, level: .info)
      reply(.done, serial, client)
    } catch {
      reply(.refused(.size, reason: "\(error)"), serial, client)
    }
  }

  /// The vGPU that a client has opened. A client that has opened none gets a refusal.
  func chosen(by client: Client, _ serial: UInt32) -> BridgedVGPU? {
    if client.vGPU == nil {
      reply(.refused(.notOpen, reason: "choose a vGPU first"), serial, client)
    }
    return client.vGPU
  }

  /// Answers a question once. A client that has not read its earlier answers is disconnected.
  func reply(_ message: BridgeMessage, _ serial: UInt32, _ client: Client) {
    switch client.send(message, serial: serial) {
    case .all: break
    case .notNow: expel(client, .limit, "it does not read its answers")
    case .never: client.hasEnded = true
    }
  }
}
