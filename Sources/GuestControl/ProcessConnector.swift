// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Connects to the first of QEMU's QMP sockets that is free: those that a process's command line names,
/// and that the same process serves.
struct ProcessConnector: MonitorConnector {
  /// Of several, the first with a monitor counts.
  private let processes: [RunningProcess]

  init(_ processes: [RunningProcess]) { self.processes = processes }

  func connect() async throws(MonitorUnavailable) -> any MachineMonitor {
    var failure: MonitorUnavailable?
    for process in processes {
      do {
        return try await connect(to: process)
      } catch {
        // That one has no monitor says less than what is wrong with another's.
        if case .noSocket? = failure { failure = error }
        failure = failure ?? error
      }
    }
    throw failure ?? .unknown
  }

  private func connect(
    to process: RunningProcess
  ) async throws(MonitorUnavailable) -> any MachineMonitor {
    let commandLine = QEMUCommandLine(try arguments(of: process))
    var busy: [String] = []
    var failure: MonitorUnavailable?
    for path in commandLine.sockets {
      do {
        return try await SocketConnector(
          path: absolute(path, of: process), server: process, patience: .seconds(1)
        ).connect()
      } catch .busy(let paths) {
        busy += paths
      } catch {
        failure = failure ?? error
      }
    }
    if !busy.isEmpty { throw .busy(paths: busy) }
    if let failure { throw failure }
    throw commandLine.isOwnedByLibvirt
      ? .ownedByLibvirt(pid: process.pid, domain: commandLine.name) : .noSocket(pid: process.pid)
  }

  /// QEMU takes a path from the folder that it was started in.
  private func absolute(_ path: String, of process: RunningProcess) -> String {
    path.hasPrefix("/") ? path : "/proc/\(process.pid)/cwd/\(path)"
  }

  private func arguments(of process: RunningProcess) throws(MonitorUnavailable) -> [String] {
    let bytes: [UInt8]?
    do {
      bytes = try process.reading { (pid) throws(SystemCallError) in
        let path = "/proc/\(pid)/cmdline"
        let file = try OwnedFileDescriptor.open(path, flags: O_RDONLY)
        return try file.readAll(limit: Self.limit, of: path)
      }
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .noSuchProcess {
        throw .ended(pid: process.pid)
      }
      throw .unreadable(error)
    }
    // A process that has ended and was not waited for has none.
    guard let bytes, !bytes.isEmpty else { throw .ended(pid: process.pid) }
    return QEMUCommandLine.arguments(in: bytes)
  }

  /// The kernel lets a command line have 2 MiB at most by default, QEMU's have a few KiB.
  private static let limit = 2 << 20
}
