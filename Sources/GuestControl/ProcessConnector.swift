// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import QMP
import SystemPackage

/// Connects to the first of a QEMU process's QMP sockets that is free.
struct ProcessConnector: MonitorConnector {
  let pid: Int32

  func connect() async throws(MonitorUnavailable) -> any MachineMonitor {
    let (commandLine, problem) = try commandLine()
    var busy: [String] = []
    var failure = problem
    for path in commandLine.sockets {
      do {
        return try await SocketConnector(path: absolute(path), patience: .seconds(1)).connect()
      } catch {
        switch error {
        case .busy(let paths): busy += paths
        case .socket(.system(let error)):
          failure = failure ?? refusal(error, path, else: .socket(.system(error)))
        default: failure = failure ?? error
        }
      }
    }
    if !busy.isEmpty { throw .busy(paths: busy) }
    if let failure { throw failure }
    throw commandLine.isOwnedByLibvirt
      ? .ownedByLibvirt(pid: pid, domain: commandLine.name) : .noSocket(pid: pid)
  }

  /// What the process's command line says, with the files of its own that it names; and why such a
  /// file, if there is one, cannot be read.
  private func commandLine() throws(MonitorUnavailable) -> (QEMUCommandLine, MonitorUnavailable?) {
    let arguments = try arguments()
    var problem: MonitorUnavailable?
    let commandLine = QEMUCommandLine(arguments) { name in
      do throws(SystemCallError) {
        return try file(name)
      } catch {
        problem = problem ?? refusal(error, name, else: .unreadable(error))
        return nil
      }
    }
    return (commandLine, problem)
  }

  /// QEMU takes a path from the folder that it was started in. Whether it is still there only the path
  /// tells: `-daemonize` leaves it for `/`.
  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : "/proc/\(pid)/cwd/\(path)"
  }

  private func refusal(
    _ error: SystemCallError, _ path: String, else refusal: MonitorUnavailable
  ) -> MonitorUnavailable {
    error.errno == .noSuchFileOrDirectory && !path.hasPrefix("/")
      ? .startedElsewhere(pid: pid, path: path) : refusal
  }

  /// A file that the command line names: the process's own, which may have another root.
  private func file(_ path: String) throws(SystemCallError) -> [UInt8] {
    guard path.hasPrefix("/") else { return try contents(absolute(path)) }
    do throws(SystemCallError) {
      return try contents("/proc/\(pid)/root\(path)")
    } catch {
      // Another user's root may not be looked into, but the file may well be readable.
      guard error.errno == .permissionDenied else { throw error }
      return try contents(path)
    }
  }

  private func contents(_ path: String) throws(SystemCallError) -> [UInt8] {
    let file = try OwnedFileDescriptor.openPlainFile(path)
    return try file.readAll(limit: QEMUConfigFile.largest, of: path)
  }

  private func arguments() throws(MonitorUnavailable) -> [String] {
    let path = "/proc/\(pid)/cmdline"
    let bytes: [UInt8]
    do {
      let file = try OwnedFileDescriptor.open(path, flags: O_RDONLY)
      bytes = try file.readAll(limit: Self.limit, of: path)
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .noSuchProcess {
        throw .ended(pid: pid)
      }
      throw .unreadable(error)
    }
    // A process that has ended and was not waited for has none.
    if bytes.isEmpty { throw .ended(pid: pid) }
    return QEMUCommandLine.arguments(in: bytes)
  }

  /// The kernel lets a command line have 2 MiB at most by default, QEMU's have a few KiB.
  private static let limit = 2 << 20
}
