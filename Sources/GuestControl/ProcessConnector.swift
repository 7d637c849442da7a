// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import QMP
import SystemPackage

/// Connects to the first free QMP socket of a QEMU process. The process's command line must name
/// the socket, and the same process must serve it.
struct ProcessConnector: QMPConnector {
  /// A limit, because a hostile command line can name any number of sockets. No real QEMU has more.
  private static let mostSockets = 8
  /// The processes to try. The first with a free socket counts.
  private let processes: [RunningProcess]

  init(_ processes: [RunningProcess]) { self.processes = processes }

  func connect() async throws(QMPUnavailable) -> any QMPConnection {
    var failure: QMPUnavailable?
    for process in processes {
      do {
        return try await connect(to: process)
      } catch {
        // Another process's failed socket explains more than a process without a socket.
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

  /// The QMP sockets that a process's command line names. It makes no connection.
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
    // QEMU takes a relative path from its working directory.
    let folder = FileTree.linkTarget(of: "/proc/\(process.pid)/cwd")
    let obstacles = paths.map { path in
      QMPError.obstacle(toConnectTo: connector.absolute(path, of: process))
    }
    return QMPSockets(
      paths: paths.map { path in
        path.hasPrefix("/") ? path : folder.map { "\($0)/\(path)" } ?? path
      }, guestName: commandLine.name, takesDisplayClients: commandLine.takesDisplayClients,
      displayHasSound: commandLine.displayHasSound,
      obstacle: obstacles.contains(nil)
        ? nil : obstacles.compactMap { $0 }.first.map { .socket($0) })
  }

  /// Where the process's command line leads the agent's port.
  static func agentPort(of process: RunningProcess) throws(QMPUnavailable) -> AgentPort? {
    let (commandLine, problem) = try ProcessConnector([process]).commandLine(of: process)
    guard let port = commandLine.agentPort else {
      if let problem { throw problem }
      return nil
    }
    guard case .socket(let path) = port, !path.hasPrefix("/") else { return port }
    // QEMU takes a relative path from its working directory.
    let folder = FileTree.linkTarget(of: "/proc/\(process.pid)/cwd")
    return .socket(path: folder.map { "\($0)/\(path)" } ?? path)
  }

  /// Reads the process's command line and the process's own files that the line names. The second
  /// value is the reason when such a file cannot be read.
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

  /// QEMU takes a path from the folder that it was started in. Only a lookup of the path shows
  /// whether QEMU is still there: `-daemonize` changes the folder to `/`.
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

  /// Reads a file that the command line names, in the process's own root, which may differ from
  /// ours.
  private func file(
    _ path: String, of process: RunningProcess
  ) throws(SystemCallError) -> [UInt8] {
    let own = path.hasPrefix("/") ? "/proc/\(process.pid)/root\(path)" : absolute(path, of: process)
    do throws(SystemCallError) {
      // The bytes count only when the process has not ended meanwhile, because its number may then
      // be another process's.
      guard let bytes = try process.reading({ (_) throws(SystemCallError) in try contents(own) })
      else { throw SystemCallError(call: "open", object: own, errno: .noSuchProcess) }
      return bytes
    } catch {
      // This user may have no access to another user's root, but may still read the file.
      guard error.errno == .permissionDenied, path.hasPrefix("/") else { throw error }
      return try contents(path)
    }
  }

  private func contents(_ path: String) throws(SystemCallError) -> [UInt8] {
    let file = try OwnedFileDescriptor.openPlainFile(path)
    return try file.readAll(limit: QEMUConfigFile.largest, of: path)
  }

  /// How often a process without arguments is asked again.
  private static let attempts = 10

  private func arguments(of process: RunningProcess) throws(QMPUnavailable) -> [String] {
    for _ in 0..<Self.attempts {
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
      guard let arguments else { throw .ended(pid: process.pid) }
      if !arguments.isEmpty { return arguments }
      // The kernel shows none for a moment after execve(2) has begun.
      SystemThread.sleep(for: .milliseconds(10))
    }
    throw .noSocket(pid: process.pid)
  }
}

/// The QMP sockets that a QEMU's command line names. They are claims of another process, and the
/// code that connects checks them.
public struct QMPSockets: Hashable, Sendable {
  /// The sockets' paths. A path is relative when QEMU's command line has it so and this user may
  /// not see QEMU's folder.
  public let paths: [String]
  /// The guest's name (`-name`).
  public let guestName: String?
  /// Whether QEMU's display on D-Bus takes direct clients (`-display dbus,p2p=yes`).
  public let takesDisplayClients: Bool
  /// Whether that display has the guest's sound (`-display dbus,p2p=yes,audiodev=ID`).
  public let displayHasSound: Bool
  /// Why this user may connect to none of the sockets; `nil` when the user may connect to one, as
  /// far as the socket's file tells.
  public let obstacle: QMPUnavailable?

  /// Reads a process's command line. It makes no connection, because QEMU serves one client of a
  /// socket at a time.
  ///
  /// - Throws: `QMPUnavailable.noSocket` or `.ownedByLibvirt` when the command line names no
  ///   socket.
  public init(of process: RunningProcess) throws(QMPUnavailable) {
    self = try ProcessConnector.sockets(of: process)
  }

  init(
    paths: [String], guestName: String?, takesDisplayClients: Bool = false,
    displayHasSound: Bool = false, obstacle: QMPUnavailable?
  ) {
    self.paths = paths
    self.guestName = guestName
    self.takesDisplayClients = takesDisplayClients
    self.displayHasSound = displayHasSound
    self.obstacle = obstacle
  }
}
