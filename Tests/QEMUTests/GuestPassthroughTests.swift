// SPDX-License-Identifier: Apache-2.0

import Foundation
import QMP
import Testing

/// A guest that really has a device of two functions: on Debian's kernel with an IOMMU and PCI devices
/// of QEMU's (`Rig/run-tcg --board pci`), as root.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["VGPU_RIG"] == "tcg-pci",
    "runs in the rig: Rig/run-tcg --board pci"))
struct GuestPassthroughTests {
  @Test func cardIsTheGuestsAndTheHostsAgain() async throws {
    let folder = URL(fileURLWithPath: "/dev/shm/vgpu-guest")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    func vgpu(_ words: String...) throws -> (code: Int32, output: String, errors: String) {
      try Printed.run(Printed.vgpu.path, words, in: folder)
    }
    func start() throws -> (code: Int32, output: String, errors: String) {
      try vgpu(
        "run", "--profile", "gpu", "--gpu", "03:00", "--firmware", "bios", "--memory", "64M",
        "--cpus", "1", "--no-x-vga", "--pin")
    }
    let unbound = try start()
    #expect(unbound.code == 1)
    #expect(
      unbound.errors.contains("`vgpu pci bind 0000:03:00.0 0000:03:00.1 vfio-pci`"),
      "\(unbound.errors)")
    let bound = try vgpu("pci", "bind", "03:00.0", "vfio-pci")
    #expect(bound.code == 0, "\(bound.errors)")

    let guest = try start()
    try #require(guest.code == 0, "\(guest.errors)")
    #expect(guest.errors.contains("without a window"), "\(guest.errors)")
    let pid = try #require(Int32(guest.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    let client = try await QMPClient(
      path: "\(folder.path)/vgpu/gpu-0000-03-00.0.commands.qmp", timeout: .seconds(30))
    for (id, host) in [("pci0.0", "0000:03:00.0"), ("pci0.1", "0000:03:00.1")] {
      let answer = try await client.execute(
        "qom-get",
        arguments: .object([
          "path": .string("/machine/peripheral/\(id)"), "property": .string("host"),
        ]))
      #expect(answer == .string(host))
    }
    try await client.execute(Quit())
    await client.close()
    while FileManager.default.fileExists(atPath: "/proc/\(pid)/fd/0") { usleep(50_000) }
    let restored = try vgpu("pci", "restore")
    #expect(restored.output.contains("0000:03:00.0: vfio-pci -> e1000e"), "\(restored)")
  }
}
