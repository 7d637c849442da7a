// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension RigTests {
  /// `vgpu run` where a render node is there, and nothing that draws behind it.
  @Suite struct OpenGLTrialTests {
    /// What the render node is of.
    enum Node: String, CaseIterable {
      /// A file that knows no GPU's calls.
      case null
      /// A device without a GPU, for which Mesa draws with the CPU.
      case vgem

      /// The device's number.
      var device: dev_t {
        get throws {
          if self == .null { return 1 << 8 | 3 }
          let text = try String(contentsOfFile: "/sys/class/drm/renderD128/dev", encoding: .utf8)
          let parts = text.split(whereSeparator: { !$0.isNumber }).compactMap { dev_t($0) }
          try #require(parts.count == 2 && parts[1] < 256)
          return parts[0] << 8 | parts[1]
        }
      }
    }

    private static let folder = "/dev/dri"
    private static let node = "/dev/dri/renderD128"

    private func withNode(_ node: Node, _ body: () throws -> Void) throws {
      try FileManager.default.createDirectory(
        atPath: Self.folder, withIntermediateDirectories: false)
      defer { try? FileManager.default.removeItem(atPath: Self.folder) }
      try #require(mknod(Self.node, S_IFCHR | 0o600, try node.device) == 0)
      try body()
    }

    private func arguments(_ program: String) -> [String] {
      ["run", "--qemu", program, "--memory", "64M", "--cpus", "1", "--machine", "pc", "--no-view"]
    }

    /// The guest runs without OpenGL, is seen, and its user is told why.
    @Test(arguments: LaunchTests.programs.map(\.0), Node.allCases)
    func theGuestRunsWithoutIt(program: String, node: Node) throws {
      try withNode(node) {
        let launch = try run("vgpu", arguments(program))
        #expect(launch.code == 0, "\(launch.errors)")
        #expect(
          launch.errors.contains(Self.node)
            && launch.errors.contains("the guest gets a virtio GPU without OpenGL"),
          "\(launch.errors)")
        let text = String(decoding: launch.output, as: UTF8.self)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        defer { kill(pid, SIGKILL) }
        let line = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        #expect(line.contains("virtio-vga,id=gpu0") && !line.contains("gl=on"), "\(line)")
        #expect(try QEMUTests.screenshot("pid:\(pid)", until: QEMUTests.isText) != nil)
      }
    }

    /// Who asks for OpenGL learns why there is none.
    @Test(arguments: LaunchTests.programs.map(\.0)) func whoAsksForItIsTold(program: String) throws
    {
      try withNode(.null) {
        let launch = try run("vgpu", arguments(program) + ["--gl"])
        #expect(launch.code != 0)
        #expect(
          launch.errors.contains(Self.node) && launch.errors.contains("leave OpenGL out"),
          "\(launch.errors)")
      }
    }
  }
}
