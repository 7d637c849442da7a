// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import LinuxSystem
import Logging
import SystemPackage

/// Clients that come, are refused, and go.
extension Bridge {
  func accept(_ now: MonotonicInstant) {
    if closer.isBehind {
      listensAgainAt = MonotonicInstant(nanoseconds: now.nanoseconds + 100_000_000)
      notice("cannot accept connections now: no thread is free to close the ended ones", now)
      return
    }
    for _ in 0..<32 {
      let fd = listener.socket
      let answer = SystemCall.uninterrupted { vgpu_accept(fd) }
      guard answer >= 0 else {
        switch SystemCall.errno(answer) {
        case .resourceTemporarilyUnavailable: break
        case .connectionAbort: continue
        default:
          // Without this pause, poll(2) would report the same connection again and again while
          // there are no descriptors or no memory.
          listensAgainAt = MonotonicInstant(nanoseconds: now.nanoseconds + 100_000_000)
          notice("cannot accept a connection: \(SystemCall.errno(answer))", now)
        }
        return
      }
      admit(ClientSocket(owning: Int32(answer), closer), now)
    }
  }

  private func admit(_ socket: consuming ClientSocket, _ now: MonotonicInstant) {
    let fd = socket.rawValue
    done.connections += 1
    let peer: Peer
    do throws(SystemCallError) {
      try SystemCall.make("setsockopt(SO_SNDBUF)", on: "bridge's client") {
        vgpu_least_send_buffer(fd)
      }
      peer = try Peer(of: fd)
    } catch {
      done.refused += 1
      notice("\(error)", now)
      return
    }
    refreshCatalogue(now)
    let mayLook = peer.user == 0 || vGPUs.contains { $0.allows(peer) }
    let account = users.connect(peer.user, mayLook: mayLook, now)
    let client = Client(socket, peer, limits, now)
    guard mayLook else {
      // A user who connects too often gets no answer.
      if account == nil {
        done.refused += 1
      } else {
        refuse(client, .notAllowed, "user \(peer.user) may see none of this bridge's vGPUs", now)
      }
      return
    }
    guard let account, users.admit(account) else {
      refuse(client, .limit, "too many clients, or too many connections in a short time", now)
      return
    }
    client.account = account
    clients.append(client)
    logger.debug("\(client) came")
  }

  /// Refuses a connection that never became a client.
  private func refuse(
    _ client: Client, _ refusal: Refusal, _ reason: String, _ now: MonotonicInstant
  ) {
    done.refused += 1
    _ = client.send(.refused(refusal, reason: reason), serial: 0)
    notice("\(client) is refused: \(reason)", now)
  }

  func expel(
    _ client: Client, _ refusal: Refusal, _ reason: String, serial: UInt32 = 0
  ) {
    guard !client.hasEnded else { return }
    done.expelled += 1
    client.hasEnded = true
    _ = client.send(.refused(refusal, reason: reason), serial: serial)
    notice("\(client) is disconnected: \(reason)", .now)
  }

  func removeEnded() {
    guard clients.contains(where: \.hasEnded) else { return }
    for client in clients where client.hasEnded {
      client.vGPU?.viewers -= 1
      client.vGPU = nil
      if let account = client.account { users.leave(account) }
      logger.debug("\(client) has gone")
    }
    clients.removeAll(where: \.hasEnded)
  }
}
