// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import Glibc

/// The things that a hostile client does, as fast as it can.
enum Attack: String, CaseIterable {
  /// Uses a processor and leaves the bridge alone: the bridge causes the cost of the other attacks
  /// beyond this one's.
  case spin
  /// Connects and goes.
  case connect
  /// Sends mutated messages, and connects again when it is disconnected.
  case mutated
  /// Sends datagrams of wrong lengths, also empty and huge ones.
  case lengths
  /// Sends 253 descriptors with each message.
  case descriptors
  /// Asks, shuts its sending side, and keeps the connection.
  case halfClose = "half-close"
  /// Opens 250 connections that ask and read no answer.
  case notReading = "not-reading"
  /// Opens 250 connections that ask and read.
  case look
  /// Opens 250 connections that choose the vGPU again and again.
  case open

  /// Runs until the process is ended.
  func run(_ path: String) -> Never {
    var mutator = Mutator(seed: 20)
    switch self {
    case .spin: while true { _ = mutator.next() }
    case .connect: while true { _ = RawSocket(path) }
    case .mutated: while true { mutated(path, &mutator) }
    case .lengths: while true { lengths(path, &mutator) }
    case .descriptors: while true { descriptors(path) }
    case .halfClose: halfClose(path)
    case .notReading: many(path, reads: false, .look)
    case .look: many(path, reads: true, .look)
    case .open: many(path, reads: true, .open(.only))
    }
  }

  private func mutated(_ path: String, _ mutator: inout Mutator) {
    guard let socket = greeted(path) else { return }
    var sent = 0
    while true {
      switch socket.sendBytes(mutator.next()) {
      case .ended: return
      case .full: if !socket.drain() { return }
      case .sent: sent += 1
      }
      // The bridge would never read messages after the one that ends the connection.
      if sent % 4 == 0, !socket.drain() { return }
    }
  }

  private func lengths(_ path: String, _ mutator: inout Mutator) {
    guard let socket = greeted(path) else { return }
    for _ in 0..<4 {
      let claimed = UInt16.random(in: 0 ... .max, using: &mutator.generator)
      let count = [0, 4, 7, 9, 207, 209, 60_000].randomElement(using: &mutator.generator) ?? 0
      var bytes = [UInt8](repeating: 4, count: max(count, 4))
      bytes[1] = 0
      bytes[2] = UInt8(truncatingIfNeeded: claimed)
      bytes[3] = UInt8(truncatingIfNeeded: claimed >> 8)
      bytes.removeLast(bytes.count - count)
      if case .ended = socket.sendBytes(bytes) { return }
    }
  }

  private func descriptors(_ path: String) {
    guard let socket = greeted(path) else { return }
    let look: [UInt8] = [4, 0, 8, 0, 1, 0, 0, 0]
    for _ in 0..<4 {
      if case .ended = socket.sendBytes(look, descriptors: 253) { return }
    }
  }

  private func halfClose(_ path: String) -> Never {
    var kept: [RawSocket] = []
    while true {
      guard let socket = greeted(path) else { continue }
      socket.send(.look)
      socket.finishSending()
      if kept.count == 250 { kept.removeFirst() }
      kept.append(socket)
    }
  }

  private func many(_ path: String, reads: Bool, _ message: ClientMessage) -> Never {
    var sockets: [RawSocket?] = Array(repeating: nil, count: 250)
    while true {
      for index in sockets.indices {
        guard let socket = sockets[index] else {
          sockets[index] = greeted(path)
          continue
        }
        let sent = socket.send(message)
        if sent == .ended || reads && !socket.drain() { sockets[index] = nil }
      }
    }
  }

  private func greeted(_ path: String) -> RawSocket? {
    guard let socket = RawSocket(path) else { return nil }
    socket.send(.hello(oldest: 1, newest: 1))
    socket.send(.open(.only))
    return socket
  }
}
