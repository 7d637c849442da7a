// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import QEMU

/// A program of the host's that serves a guest's QEMU over a socket, such as swtpm. It ends when
/// QEMU closes the connection, so it ends with the guest also when this process is gone.
struct GuestHelper: Sendable {
  private let process: GuestProcess

  /// A program that is ready to start, and its socket. The socket listens already, so that QEMU can
  /// connect before the program runs.
  ///
  /// QEMU is started first, and the program after it. When this process is killed in between, the
  /// socket closes, QEMU's start fails, and no program is left that waits for a QEMU for ever. The
  /// socket closes with the last reference.
  final class Prepared: Sendable {
    private let program: String
    private let arguments: [String]
    private let socket: OwnedFileDescriptor

    /// The number of the socket in the program.
    static let listener: Int32 = 3

    /// - Parameters:
    ///   - program: the program's file.
    ///   - arguments: its arguments, which name the socket by `listener`.
    ///   - path: the socket's path, in a folder that only this user may enter.
    init(_ program: String, _ arguments: [String], at path: String) throws(GuestError) {
      self.program = program
      self.arguments = arguments
      do {
        socket = try Self.listen(at: path)
      } catch {
        throw .system(error)
      }
    }

    private static func listen(at path: String) throws(SystemCallError) -> OwnedFileDescriptor {
      let end = path.lastIndex(of: "/") ?? path.startIndex
      let socket = try UnixSocket.make(for: path)
      let folder = try OwnedFileDescriptor.open(
        String(path[..<end]), flags: O_RDONLY | O_DIRECTORY)
      let (number, folderNumber) = (socket.rawValue, folder.rawValue)
      var file = vgpu_file()
      try SystemCall.make("bind", on: path) {
        vgpu_unix_listen(number, folderNumber, path, String(path[end...].dropFirst()), &file)
      }
      // The program may wait for its client in accept(2).
      try SystemCall.make("fcntl", on: path) { vgpu_fcntl(number, F_SETFL, 0) }
      return socket
    }

    /// Starts the program.
    ///
    /// - Parameter log: a descriptor for its output; borrowed.
    func start(log: Int32) throws(GuestError) -> GuestHelper {
      do {
        return GuestHelper(
          process: try GuestProcess(
            program, arguments, output: log, descriptors: [socket.rawValue]))
      } catch {
        throw .qemu(error)
      }
    }
  }

  /// Waits for its end after the guest's; kills it when it does not end by itself.
  func end() {
    for _ in 0..<200 where process.end() == nil { SystemThread.sleep(for: .milliseconds(10)) }
    guard process.end() == nil else { return }
    process.kill()
    _ = process.waitForEnd()
  }
}

extension GuestHelper {
  /// The programs that serve this guest.
  ///
  /// - Throws: `GuestError.qemu` when one is missing, or its state is another guest's.
  static func prepare(_ guest: GuestConfiguration) throws(GuestError) -> [Prepared] {
    var all: [Prepared] = []
    if let tpm = guest.tpm, let socket = tpm.socket, let state = tpm.state,
      let arguments = tpm.arguments(listener: Prepared.listener)
    {
      let program: String
      do {
        program = try EmulatedTPM.findProgram()
        try EmulatedTPM.checkFree(state: state)
      } catch {
        throw .qemu(error)
      }
      all.append(try Prepared(program, arguments, at: socket))
    }
    for share in guest.shares {
      guard case .virtiofs(let socket?) = share.way else { continue }
      guard let server = VirtiofsServer.find() else {
        throw .qemu(
          .missing("virtiofsd", reason: "is gone; install it (package virtiofsd), and try again"))
      }
      all.append(
        try Prepared(
          server.path, server.arguments(for: share, listener: Prepared.listener), at: socket))
    }
    return all
  }
}
