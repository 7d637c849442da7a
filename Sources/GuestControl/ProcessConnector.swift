// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import QMP
import SystemPackage

/// Connects to the first of QEMU's QMP sockets that is free: those that a process's command line names,
/// and that the same process serves.
struct ProcessConnector: QMPConnector {
  /// Whoever writes a command line can name any number; no QEMU has more of its own.
  private static let mostSockets = 8
  /// Of several, the first with a monitor counts.
  private let processes: [RunningProcess]

  init(_ processes: [RunningProcess]) { self.processes = processes }

  func connect() async throws(QMPUnavailable) -> any QMPConnection {
    var failure: QMPUnavailable?
    for process in processes {
      do {
        return try await connect(to: process)
      } catch {
        // A process without a socket says less than the defect of another process's socket.
        if case .noSocket? = failure { failure = error }
        failure = failure ?? error
      }
    }
    throw failure ?? .unknown
  }

  private func connect(
    to process: RunningProcess
  ) async throws(QMPUnavailable) -> any QMPConnection {
    let (commandLine, problem) = try commandLine(of: process)
    var busy: [String] = []
    var failure = problem
    for path in commandLine.sockets.prefix(Self.mostSockets) {
      do {
        return try await SocketConnector(
          path: absolute(path, of: process), server: process, patience: .seconds(1)
        ).connect()
      } catch {
        switch error {
        case .busy(let paths): busy += paths
        case .socket(.system(let error)):
          failure = failure ?? refusal(error, path, of: process, else: .socket(.system(error)))
        default: failure = failure ?? error
        }
      }
    }
    if !busy.isEmpty { throw .busy(paths: busy) }
    if let failure { throw failure }
    throw commandLine.isOwnedByLibvirt
      ? .ownedByLibvirt(pid: process.pid, domain: commandLine.name) : .noSocket(pid: process.pid)
  }

  /// The QMP sockets that a process's command line names; none of them is connected to.
  static func sockets(of process: RunningProcess) throws(QMPUnavailable) -> QMPSockets {
    let connector = ProcessConnector([process])
    let (commandLine, problem) = try connector.commandLine(of: process)
    let paths = commandLine.sockets.prefix(mostSockets)
    if paths.isEmpty {
      throw problem
        ?? (commandLine.isOwnedByLibvirt
          ? .ownedByLibvirt(pid: process.pid, domain: commandLine.name)
          : .noSocket(pid: process.pid))
    }
    // A relative path is taken from the folder that QEMU is in.
    let folder = FileTree.linkTarget(of: "/proc/\(process.pid)/cwd")
    let obstacles = paths.map { path in
      QMPError.obstacle(toConnectTo: connector.absolute(path, of: process))
    }
    return QMPSockets(
      paths: paths.map { path in
        path.hasPrefix("/") ? path : folder.map { "\($0)/\(path)" } ?? path
      }, guestName: commandLine.name,
      obstacle: obstacles.contains(nil)
        ? nil : obstacles.compactMap { $0 }.first.map { .socket($0) })
  }

  /// What the process's command line says, with the files of its own that it names; and why such a
  /// file, if there is one, cannot be read.
  private func commandLine(
    of process: RunningProcess
  ) throws(QMPUnavailable) -> (QEMUCommandLine, QMPUnavailable?) {
    let arguments = try arguments(of: process)
    var problem: QMPUnavailable?
    let commandLine = QEMUCommandLine(arguments) { name in
      do throws(SystemCallError) {
        return try file(name, of: process)
      } catch {
        problem = problem ?? refusal(error, name, of: process, else: .unreadable(error))
        return nil
      }
    }
    return (commandLine, problem)
  }

  /// QEMU takes a path from the folder that it was started in. Whether it is still there only the path
  /// tells: `-daemonize` leaves it for `/`.
  private func absolute(_ path: String, of process: RunningProcess) -> String {
    path.hasPrefix("/") ? path : "/proc/\(process.pid)/cwd/\(path)"
  }

  private func refusal(
    _ error: SystemCallError, _ path: String, of process: RunningProcess,
    else refusal: QMPUnavailable
  ) -> QMPUnavailable {
    error.errno == .noSuchFileOrDirectory && !path.hasPrefix("/")
      ? .startedElsewhere(pid: process.pid, path: path) : refusal
  }

  /// A file that the command line names: the process's own, which may have another root.
  private func file(
    _ path: String, of process: RunningProcess
  ) throws(SystemCallError) -> [UInt8] {
    let own = path.hasPrefix("/") ? "/proc/\(process.pid)/root\(path)" : absolute(path, of: process)
    do throws(SystemCallError) {
      // What was read counts when the process has not ended after that.
      guard let bytes = try process.reading({ (_) throws(SystemCallError) in try contents(own) })
      else { throw SystemCallError(call: "open", object: own, errno: .noSuchProcess) }
      return bytes
    } catch {
      // Another user's root may be closed to this one, and the file readable all the same.
      guard error.errno == .permissionDenied, path.hasPrefix("/") else { throw error }
      return try contents(path)
    }
  }

  private func contents(_ path: String) throws(SystemCallError) -> [UInt8] {
    let file = try OwnedFileDescriptor.openPlainFile(path)
    return try file.readAll(limit: QEMUConfigFile.largest, of: path)
  }

  private func arguments(of process: RunningProcess) throws(QMPUnavailable) -> [String] {
    let arguments: [String]?
    do {
      arguments = try process.reading { (pid) throws(SystemCallError) in
        try ProcFiles.arguments(of: pid)
      }
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .noSuchProcess {
        throw .ended(pid: process.pid)
      }
      throw .unreadable(error)
    }
    // A process that has ended and was not waited for has none.
    guard let arguments, !arguments.isEmpty else { throw .ended(pid: process.pid) }
    return arguments
  }
}

/// Where a QEMU's command line says that it serves QMP: claims of another process, which whoever
/// connects checks.
public struct QMPSockets: Hashable, Sendable {
  /// The sockets' paths; relative where QEMU was given them so and its folder may not be seen.
  public let paths: [String]
  /// The guest's name (`-name`).
  public let guestName: String?
  /// Why this user may connect to none of the sockets; `nil` where he may to one, as far as its file
  /// tells.
  public let obstacle: QMPUnavailable?

  /// Reads a process's command line, and connects to nothing: QEMU serves one client of a socket at a
  /// time.
  ///
  /// - Throws: `QMPUnavailable.noSocket` or `.ownedByLibvirt` where it names none.
  public init(of process: RunningProcess) throws(QMPUnavailable) {
    self = try ProcessConnector.sockets(of: process)
  }

  init(paths: [String], guestName: String?, obstacle: QMPUnavailable?) {
    self.paths = paths
    self.guestName = guestName
    self.obstacle = obstacle
  }
}
