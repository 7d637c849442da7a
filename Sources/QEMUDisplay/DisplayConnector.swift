// SPDX-License-Identifier: Apache-2.0

import CLinux
public import GuestControl
public import LinuxSystem
import QMP
import Synchronization
import SystemPackage

/// Attaches to the display of one guest's QEMU: the first time, and again after each end.
public protocol DisplayConnector: Sendable {
  /// Hands one end of a new connection to QEMU, as its control client. QEMU has one such client at a
  /// time, the last.
  ///
  /// - Returns: the other end.
  /// - Throws: `QEMUDisplayError`.
  func connect() async throws(QEMUDisplayError) -> DisplayEnd
}

/// One run of a guest's QEMU, to tell its end from another client's coming.
public struct DisplayRun: Sendable {
  let hasEnded: @Sendable () async -> Bool
  let waitForEnd: @Sendable () async -> Void

  /// A process, which tells its end.
  public init(_ process: RunningProcess) {
    hasEnded = { process.hasEnded }
    waitForEnd = { await process.waitForEnd() }
  }

  /// A run that has to be asked for, such as a domain's.
  ///
  /// - Parameters:
  ///   - pause: the time between two questions.
  ///   - hasEnded: whether this run is over. It may take its time.
  public init(askedEvery pause: Duration, hasEnded: @escaping @Sendable () async -> Bool) {
    self.hasEnded = hasEnded
    waitForEnd = {
      repeat {
        guard (try? await Task.sleep(for: pause)) != nil else { return }
      } while await !hasEnded()
    }
  }
}

/// This process's end of a connection to QEMU's display.
///
/// A class, because an optimized build by Swift 6.3 releases the closures of a run once too often when a value that
/// cannot be copied is returned with them by an `async` function.
public final class DisplayEnd: Sendable {
  /// The run of QEMU; `nil` when nothing is known of it. Then a client that has lost the display takes it
  /// back by itself after a while.
  public let run: DisplayRun?
  /// Whether the guest has a touch screen (`virtio-multitouch-pci`). Without one, a finger is a pointer.
  public let hasTouchScreen: Bool
  private let socket: Mutex<Int32?>

  /// Makes an end from its parts, as a connector does.
  ///
  /// - Parameters:
  ///   - socket: a stream socket. QEMU is the server of D-Bus's authentication.
  ///   - run: QEMU's.
  ///   - hasTouchScreen: whether the guest has one.
  public init(
    _ socket: consuming OwnedFileDescriptor, of run: DisplayRun? = nil,
    hasTouchScreen: Bool = false
  ) {
    self.socket = Mutex(socket.release())
    self.run = run
    self.hasTouchScreen = hasTouchScreen
  }

  deinit { _ = takeSocket() }

  /// The socket; only the first call gets it.
  func takeSocket() -> OwnedFileDescriptor? {
    socket.withLock { $0.take() }.map { OwnedFileDescriptor(owning: $0) }
  }
}

/// Attaches over QMP (`getfd`, then `add_client` with the protocol `@dbus-display`), and lets QMP go:
/// a QMP socket serves one client at a time.
public struct QMPDisplayConnector: DisplayConnector {
  private let endpoint: QMPEndpoint
  private let guest: String

  /// - Parameters:
  ///   - endpoint: the QMP of the guest's QEMU.
  ///   - guest: the guest, for errors.
  public init(_ endpoint: QMPEndpoint, guest: String) {
    self.endpoint = endpoint
    self.guest = guest
  }

  /// Connects to QMP, passes a socket on, and closes QMP.
  public func connect() async throws(QEMUDisplayError) -> DisplayEnd {
    let qmp: any QMPConnection
    do {
      qmp = try await endpoint.connect()
    } catch {
      throw .connection(guest: guest, reason: "\(error)")
    }
    do throws(QEMUDisplayError) {
      let pair = try SocketPair(for: guest)
      try await attach(qmp, pair.theirs)
      // A socket may be served by a program before QEMU, which does not end with it.
      let process = qmp.server.flatMap { try? RunningProcess($0) }.flatMap { process in
        (try? QMPSockets(of: process))?.takesDisplayClients == true ? process : nil
      }
      let hasTouchScreen = await qmp.hasTouchScreen
      await qmp.close()
      return DisplayEnd(
        pair.takeOurs(), of: process.map { DisplayRun($0) }, hasTouchScreen: hasTouchScreen)
    } catch {
      await qmp.close()
      throw error
    }
  }

  private func attach(
    _ qmp: any QMPConnection, _ socket: borrowing OwnedFileDescriptor
  ) async throws(QEMUDisplayError) {
    let name = "swift-vgpu"
    let patience = Duration.seconds(5)
    do throws(QMPError) {
      _ = try await qmp.execute(GetFD(fdname: name), passing: socket, timeout: patience)
      do throws(QMPError) {
        _ = try await qmp.execute(
          AddClient(protocol: "@dbus-display", fdname: name), timeout: patience)
      } catch {
        // QEMU keeps a descriptor that no command has taken.
        _ = try? await qmp.execute(CloseFD(fdname: name), timeout: patience)
        throw error
      }
    } catch {
      guard case .refused(_, _, _, let reason) = error else { throw .qmp(error) }
      throw reason.contains("p2p") ? .notPeerToPeer(guest: guest) : .noDisplay(guest: guest)
    }
  }
}

/// Two connected stream sockets: this process's end, and the other program's.
struct SocketPair: ~Copyable {
  private let ours: OwnedFileDescriptor
  let theirs: OwnedFileDescriptor

  /// socketpair(2).
  ///
  /// - Throws: `QEMUDisplayError.system`.
  init(for guest: String) throws(QEMUDisplayError) {
    var sockets: (Int32, Int32) = (-1, -1)
    do {
      try SystemCall.make("socketpair", on: guest) {
        withUnsafeMutableBytes(of: &sockets) {
          vgpu_socket_pair($0.bindMemory(to: Int32.self).baseAddress)
        }
      }
    } catch {
      throw .system(error)
    }
    ours = OwnedFileDescriptor(owning: sockets.0)
    theirs = OwnedFileDescriptor(owning: sockets.1)
  }

  /// A duplicate of this process's end.
  func duplicateOfOurs() throws(QEMUDisplayError) -> OwnedFileDescriptor {
    do {
      return try ours.duplicate(of: "QEMU's display")
    } catch {
      throw .system(error)
    }
  }

  /// This process's end; the other program's is closed here.
  consuming func takeOurs() -> OwnedFileDescriptor { ours }
}
