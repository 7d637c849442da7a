// SPDX-License-Identifier: Apache-2.0

import Attachment
import ErrorKinds
import Foundation
import HostDevices
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import VFIO

@testable import vgpu

/// The command's exit codes, by running it. The rig's tests have the codes that need a vGPU: no picture,
/// busy.
@Suite(.serialized, .onOwnThread) struct ExitCodeTests {
  private static let nobody = "11223344-5566-7788-99aa-bbccddeeff00"

  private func expect(
    _ status: ExitReason, _ arguments: String..., location: SourceLocation = #_sourceLocation
  ) throws {
    let end = try Command.run(arguments)
    #expect(
      end.code == status.rawValue, "\(arguments): \(end.code) \(end.errors)",
      sourceLocation: location)
    if status != .done { #expect(end.errors.hasPrefix("Error: "), sourceLocation: location) }
  }

  @Test func done() throws {
    try expect(.done, "info", "demo")
    try expect(.done, "--help")
    try expect(.done, "help", "run")
    try expect(.done, "--version")
  }

  @Test func wrongUsage() throws {
    try expect(.wrongUsage, "list", "--nonsense")
    try expect(.wrongUsage, "info")
    try expect(.wrongUsage, "info", "nobody")
    try expect(.wrongUsage, "start", "no-uuid")
    try expect(.wrongUsage, "edid", "1x1", "-")
    try expect(.wrongUsage, "pci", "bind", "x", "vfio-pci")
    try expect(.wrongUsage, "doctor", "--fix", "--json")
    try expect(.wrongUsage, "copy", "/etc/hostname", "demo")
    try expect(.wrongUsage, "copy", "demo:")
    try expect(.wrongUsage, "copy", "/dev/null", "demo:")
  }

  @Test func notFound() throws {
    try expect(.notFound, "info", Self.nobody)
    try expect(.notFound, "screenshot", Self.nobody, "-")
    try expect(.notFound, "view", Self.nobody)
    try expect(.notFound, "remove", Self.nobody)
    try expect(.notFound, "screenshot", "pid:\(Int32.max)", "-")
    try expect(.notFound, "info", "bridge:/none/bridge.sock")
    try expect(.notFound, "list", "--bridge", "/none/bridge.sock")
    try expect(.notFound, "pci", "bind", "ffff:ff:1f.7", "vfio-pci")
    try expect(.notFound, "doctor", "--root", "/none")
    try expect(.notFound, "plug", "demo", "--qmp", "/none/qmp")
    try expect(.notFound, "run", "--vgpu", "x", "--qemu", "/none/qemu")
    try expect(.notFound, "bridge", "--user", "no-such-user")
    try expect(.notFound, "edid", "800x600", "/none/edid")
    try expect(.notFound, "copy", "/none/file", "demo:")
    try expect(.notFound, "copy", "/etc/hostname", "demo:", "--agent", "/none/agent")
  }

  @Test(.needs("qemu-system-x86_64")) func diskThatIsMissing() throws {
    try expect(.notFound, "run", "--vgpu", "x", "--disk", "/none.qcow2")
  }

  @Test func noDisplay() throws {
    try expect(.noDisplay, "screenshot", "pid:\(getpid())", "-")
  }

  @Test func unsupported() throws {
    try expect(.unsupported, "plug", "demo")
    try expect(.unsupported, "copy", "/etc/hostname", "demo:")
  }

  /// A socket's file that its server has left.
  @Test func notRunning() throws {
    let path = "/tmp/vgpu-left-\(UUID().uuidString.prefix(8))"
    let left = try Program.run([
      "/usr/bin/python3", "-c",
      "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path,
    ])
    try #require(left.code == 0, "\(left.text)")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try expect(.notRunning, "plug", "demo", "--qmp", path)
    try expect(.notRunning, "copy", "/etc/hostname", "demo:", "--agent", path)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func notPermitted() throws {
    for words in [["edid", "800x600", "/root/edid"], ["screenshot", "pid:1", "-"]] {
      let end = try Program.run(
        ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
          + [Command.path] + words)
      #expect(end.code == ExitReason.notPermitted.rawValue, "\(words): \(end.text)")
    }
  }

  @Test func failed() throws {
    let end = try Program.run(["bash", "-c", "'\(Command.path)' list --json >/dev/full"])
    #expect(end.code == ExitReason.failed.rawValue)
    #expect(end.text.hasPrefix("Error: standard output: "))
  }

  /// A host that is not ready is no failure of the doctor.
  @Test func notReady() throws {
    let tree = try SysfsTree()
    try tree.folder("/sys/bus/pci/devices")
    let end = try Command.run(["doctor", "--root", tree.root])
    #expect(end.code == ExitReason.notReady.rawValue && end.errors == "")
  }

  /// Every kind of error has a code of its own.
  @Test func kindsAreToldApart() {
    struct AnyError: ClassifiedError { let errorClass: ErrorClass }
    let codes = ErrorClass.Kind.allCases.map {
      ExitReason(of: AnyError(errorClass: ErrorClass($0))).rawValue
    }
    #expect(Set(codes).count == codes.count)
    #expect(ExitReason(of: CancellationError()) == .failed)
    let busy = SystemCallError(call: "open", object: "/dev/vfio/0", errno: .resourceBusy)
    #expect(ExitReason(of: AttachmentError.vfio(.system(busy))) == .busy)
  }

  /// The help, the manual and docs/json.md have one list.
  @Test func listIsOne() throws {
    let help = try Command.run(["--help"]).text
    let document = try String(
      contentsOf: CLibraries.package.appendingPathComponent("docs/json.md"), encoding: .utf8)
    for status in ExitReason.allCases {
      #expect(help.contains("\n  \(status.rawValue)  "), "\(status)")
      #expect(document.contains("\n| \(status.rawValue) | "), "\(status)")
      #expect(help.contains(status.meaning), "\(status)")
      #expect(document.contains(" | \(status.meaning) |"), "\(status)")
    }
    let rows = document.split(separator: "\n").filter { $0.wholeMatch(of: /\| \d+ \| .*/) != nil }
    #expect(rows.count == ExitReason.allCases.count)
  }
}
