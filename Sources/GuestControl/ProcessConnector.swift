// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Connects to the first of a QEMU process's QMP sockets that is free.
struct ProcessConnector: MonitorConnector {
  let pid: Int32

  func connect() async throws(MonitorUnavailable) -> any MachineMonitor {
    let commandLine = QEMUCommandLine(try arguments())
    let paths = commandLine.sockets.map(absolute)
    var busy: [String] = []
    var failure: MonitorUnavailable?
    for path in paths {
      do {
        return try await SocketConnector(path: path, patience: .seconds(1)).connect()
      } catch .busy {
        busy.append(path)
      } catch {
        failure = failure ?? error
      }
    }
    if !busy.isEmpty { throw .busy(paths: busy) }
    if let failure { throw failure }
    throw commandLine.isOwnedByLibvirt
      ? .ownedByLibvirt(pid: pid, domain: commandLine.name) : .noSocket(pid: pid)
  }

  /// QEMU takes a path from the folder that it was started in.
  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : "/proc/\(pid)/cwd/\(path)"
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
