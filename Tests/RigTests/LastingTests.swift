// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

extension RigTests {
  /// vGPUs that outlast the host's next start, with Debian's mdevctl.
  @Suite struct LastingTests {
    private struct Row: Decodable {
      let uuid: String
      let type: String
      let parent: String
      let isRunning: Bool
      let persistence: String?
    }

    private struct List: Decodable { let vgpus: [Row] }

    private func listed(_ uuid: MdevUUID) throws -> Row? {
      let list = try run("vgpu", "list", "--json")
      #expect(list.code == 0, "\(list.errors)")
      try JSONSchema.expect(list.output, fits: "list")
      return try JSONDecoder().decode(List.self, from: list.output).vgpus
        .first { $0.uuid == "\(uuid)" }
    }

    private func vgpu(_ arguments: String...) throws -> String {
      let end = try Child("vgpu", arguments).end()
      return end.code == 0 ? String(decoding: end.output, as: UTF8.self) : end.errors
    }

    /// What mdevctl prints; its lines are `UUID parent type start`.
    private func mdevctl(_ arguments: String...) throws -> String {
      let end = try Child("/usr/bin/mdevctl", arguments).end()
      #expect(end.code == 0, "\(end.errors)")
      return String(decoding: end.output, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func mdevctlListsOurs() throws {
      let created = try vgpu("create", "mbochs-small", "--persist")
      let uuid = try #require(
        MdevUUID(created.trimmingCharacters(in: .whitespacesAndNewlines)), "\(created)")
      #expect(try mdevctl("list", "-d").contains("\(uuid) mbochs mbochs-small auto"))
      #expect(try mdevctl("list").contains("\(uuid)"))
      let running = try #require(try listed(uuid))
      #expect(running.isRunning && running.persistence == "auto")

      #expect(try vgpu("remove", "\(uuid)") == "")
      #expect(try HostHardware().devices().isEmpty)
      let stopped = try #require(try listed(uuid))
      #expect(!stopped.isRunning && stopped.persistence == "auto")
      #expect(stopped.type == "mbochs-small" && stopped.parent == "mbochs")
      #expect(try vgpu("list").contains("(not started)"))

      #expect(try vgpu("start", "\(uuid)") == "")
      #expect(try vgpu("start", "\(uuid)") == "", "it runs already")
      #expect(try mdevctl("list").contains("\(uuid)"))
      #expect(try HostHardware().devices().map(\.uuid) == [uuid])

      #expect(try vgpu("remove", "\(uuid)", "--persist") == "")
      #expect(try mdevctl("list", "-d") == "" && HostHardware().devices().isEmpty)
      #expect(try vgpu("remove", "\(uuid)", "--persist").contains("no such mdev"))
      #expect(try vgpu("start", "\(uuid)").contains("no persistent vGPU"))
    }

    @Test func oursListsMdevctls() throws {
      let uuid = MdevUUID.random()
      _ = try mdevctl("define", "-u", "\(uuid)", "-p", "mbochs", "-t", "mbochs-small")
      let defined = try #require(try listed(uuid))
      #expect(!defined.isRunning && defined.persistence == "manual")
      _ = try mdevctl("start", "-u", "\(uuid)")
      #expect(try #require(try listed(uuid)).isRunning)
      _ = try mdevctl("stop", "-u", "\(uuid)")
      #expect(try #require(try listed(uuid)).isRunning == false)

      // The store of vGPUs is empty: the kernel would say "No space left on device".
      var others: [MdevUUID] = []
      while let other = try? HostHardware().create(type: "mbochs-large") {
        others.append(other.uuid)
      }
      while let other = try? HostHardware().create(type: "mbochs-small") {
        others.append(other.uuid)
      }
      defer { for other in others { try? HostHardware().remove(other) } }
      let full = try vgpu("start", "\(uuid)")
      #expect(full.contains("mbochs-small: no instances left on mbochs"), "\(full)")

      #expect(try vgpu("remove", "\(uuid)", "--persist") == "")
      #expect(try mdevctl("list", "-d") == "")
    }

    @Test func vGPUInUseIsNotForgotten() throws {
      let uuid = MdevUUID.random()
      _ = try vgpu("create", "mbochs-small", "--persist", "--manual", "--uuid", "\(uuid)")
      let guest = try Child("rig-guest", ["\(uuid)", "--mode", "64x64"])
      #expect(try guest.line()?.hasPrefix("ready") == true)
      #expect(try vgpu("remove", "\(uuid)", "--persist").contains("in use"))
      #expect(try listed(uuid)?.persistence == "manual")
      guest.kill()
      #expect(try vgpu("remove", "\(uuid)", "--persist") == "")
      #expect(try listed(uuid) == nil)
    }
  }
}
