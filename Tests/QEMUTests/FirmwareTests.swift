// SPDX-License-Identifier: Apache-2.0

import Foundation
import QEMU
import Testing

/// Descriptors as packages install them, and a guest's own store of variables.
@Suite final class FirmwareTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent(UUID().uuidString)

  init() throws {
    for name in ["package", "own"] {
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent(name), withIntermediateDirectories: true)
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private var folders: [String] { ["package", "own", "none"].map { folder.path + "/" + $0 } }

  private var places: [UEFIImages] = []

  private func write(_ name: String, _ bytes: Data) throws -> String {
    let file = folder.appendingPathComponent(name)
    try bytes.write(to: file)
    return file.path
  }

  /// Writes a descriptor and its two images.
  ///
  /// - Returns: what it describes.
  @discardableResult
  private func install(
    _ name: String, code: String = "code", format: String = "raw", machines: String = "pc-q35-*",
    features: String = "acpi-s3", interface: String = "uefi", mapping: String = "",
    architecture: String = "x86_64", secure: Bool = false
  ) throws -> String {
    let code = try write(code, Data([1]))
    let variables = try write("variables", Data(count: 4096))
    let features = secure ? ["secure-boot", "enrolled-keys", "requires-smm"] : [features]
    let list = features.map { "\"\($0)\"" }.joined(separator: ", ")
    let json = """
      {"description": "d", "interface-types": ["\(interface)"],
       "mapping": {\(mapping) "device": "flash",
         "executable": {"filename": "\(code)", "format": "\(format)"},
         "nvram-template": {"filename": "\(variables)", "format": "raw"}},
       "targets": [{"architecture": "\(architecture)", "machines": ["\(machines)"]}],
       "features": [\(list)], "tags": []}
      """
    _ = try write(name, Data(json.utf8))
    return code
  }

  private func found(machine: String = "pc-q35-7.2", isSecure: Bool = false) throws -> String {
    try UEFIImages.find(machine: machine, isSecure: isSecure, folders: folders, places: places)
      .code.path
  }

  /// Half of what makes Secure Boot is none of it.
  @Test func secureFirmwareHasAllFeatures() throws {
    let plain = try install("package/10-plain.json", code: "plain")
    try install("package/20-keys.json", features: "enrolled-keys")
    try install("package/21-secure.json", features: "secure-boot")
    try install("package/22-smm.json", features: "requires-smm")
    let error = #expect(throws: QEMUError.self) { try self.found(isSecure: true) }
    #expect(error?.description.contains("no UEFI with Secure Boot and Microsoft's keys") == true)
    let secure = try install("package/30-secure.json", code: "secure", secure: true)
    #expect(try found(isSecure: true) == secure)
    #expect(try found() == plain)
    #expect(throws: QEMUError.self) { try self.found(machine: "pc-i440fx-7.2", isSecure: true) }
  }

  /// Images without a descriptor are taken for q35 only, which has system management mode.
  @Test func securePlaces() throws {
    let code = DiskImage(path: try write("OVMF_CODE.fd", Data([1])), format: .raw)
    places = [UEFIImages(code: code, variables: code)]
    #expect(try found(isSecure: true) == code.path)
    #expect(throws: QEMUError.self) { try self.found(machine: "pc-i440fx-7.2", isSecure: true) }
    for images in UEFIImages.securePlaces {
      #expect(!UEFIImages.places.contains(images))
      #expect((images.code.format == .qcow2) == images.code.path.hasSuffix(".qcow2"))
    }
  }

  /// A guest has one store, with the keys or without; what it was made from is not forgotten.
  @Test func storesWithAndWithoutKeysAreNotMixed() throws {
    let raw = DiskImage(path: try write("raw", Data(count: 4096)), format: .raw)
    let qcow2 = DiskImage(
      path: try write("qcow2", Data(QCOW2HeaderTests.Draft().bytes)), format: .qcow2)
    for (isSecure, said) in [(true, "with Secure Boot's keys; choose"), (false, "without Secure")] {
      for (first, second) in [(raw, raw), (raw, qcow2), (qcow2, raw)] {
        let guest = "\(isSecure) \(first.path) \(second.path)"
        let store = try VariableStore.make(
          of: guest, in: folder.path, from: first, isSecure: isSecure)
        #expect(store.path.contains(".secure.vars") == isSecure)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: store.path))
        let error = #expect(throws: QEMUError.self) {
          try VariableStore.make(
            of: guest, in: self.folder.path, from: second, isSecure: !isSecure)
        }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("\(store.path): ") && text.contains(said), "\(text)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: store.path)) == bytes)
        #expect(
          try VariableStore.make(of: guest, in: folder.path, from: first, isSecure: isSecure)
            == store)
      }
    }
  }

  @Test func firstByNameThatSuits() throws {
    try install("package/20-keys.json", features: "enrolled-keys")
    try install("package/21-secure.json", features: "secure-boot")
    try install("package/22-smm.json", features: "requires-smm")
    try install("package/23-other.json", machines: "pc-i440fx-*")
    try install("package/24-bios.json", interface: "bios")
    try install("package/25-arm.json", architecture: "aarch64")
    try install("package/26-stateless.json", mapping: "\"mode\": \"stateless\",")
    try install("package/27-gone.json", code: "gone")
    try FileManager.default.removeItem(at: folder.appendingPathComponent("gone"))
    try install("package/28-format.json", format: "vmdk")
    _ = try write("package/29-broken.json", Data("{\"interface-types\": 3".utf8))
    _ = try write("package/30-notes.txt", Data())
    let error = #expect(throws: QEMUError.self) { try self.found() }
    #expect(error?.description.contains("apt install ovmf") == true)
    let later = try install("package/60-plain.json", code: "later")
    #expect(try found() == later)
    let first = try install("own/50-mine.json", code: "first", mapping: "\"mode\": \"split\",")
    #expect(try found() == first)
    #expect(try found(machine: "pc-i440fx-7.2") == folder.path + "/code")
  }

  @Test func laterFoldersTakeTheEarliersPlace() throws {
    try install("package/60-plain.json", code: "packages")
    let own = try install("own/60-plain.json", code: "own.fd")
    #expect(try found() == own)
    // An empty file takes a firmware away.
    _ = try write("own/60-plain.json", Data())
    #expect(throws: QEMUError.self) { try self.found() }
  }

  /// Proxmox and others have images without a descriptor. One that speaks of an UEFI, or an empty one,
  /// is the last word.
  @Test func placesWithoutDescriptors() throws {
    let code = DiskImage(path: try write("OVMF_CODE.fd", Data([1])), format: .raw)
    let variables = DiskImage(path: try write("OVMF_VARS.fd", Data([1])), format: .raw)
    let gone = DiskImage(path: folder.path + "/gone", format: .raw)
    places = [
      UEFIImages(code: gone, variables: variables), UEFIImages(code: code, variables: gone),
      UEFIImages(code: code, variables: variables),
    ]
    #expect(try found() == code.path)
    #expect(try found(machine: "pc-i440fx-7.2") == code.path)
    #expect(throws: QEMUError.self) { try self.found(machine: "microvm") }
    try install("package/20-arm.json", architecture: "aarch64")
    try install("package/21-bios.json", interface: "bios")
    #expect(try found() == code.path)
    try install("package/60-secure.json", features: "secure-boot")
    #expect(throws: QEMUError.self) { try self.found() }
    _ = try write("own/60-secure.json", Data())
    #expect(throws: QEMUError.self) { try self.found() }
  }

  @Test func placesAreOnesOfPackages() {
    let codes = UEFIImages.places.map(\.code.path)
    #expect(Set(codes).count == codes.count)
    for path in [
      "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/edk2/ovmf/OVMF_CODE.fd",
      "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/qemu/ovmf-x86_64-4m-code.bin",
      "/usr/share/edk2/OvmfX64/OVMF_CODE_4M.qcow2", "/run/libvirt/nix-ovmf/OVMF_CODE.fd",
      "/usr/share/pve-edk2-firmware/OVMF_CODE_4M.fd", "/usr/share/qemu/edk2-x86_64-code.fd",
    ] {
      #expect(codes.contains(path))
    }
    for images in UEFIImages.places {
      #expect((images.code.format == .qcow2) == images.code.path.hasSuffix(".qcow2"))
      #expect(images.variables.format == images.code.format)
    }
  }

  @Test func storesAreMadeOnceAndKept() throws {
    let template = DiskImage(
      path: try write("empty", Data(repeating: 0xFF, count: 4096)), format: .raw)
    let store = try VariableStore.make(of: "/disks/a b.img", in: folder.path, from: template)
    #expect(store.format == .raw)
    #expect(store.path.hasPrefix(folder.path + "/a_b.img-"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: store.path)).allSatisfy { $0 == 0xFF })
    // What the guest has written is there the next time.
    try Data(repeating: 7, count: 4096).write(to: URL(fileURLWithPath: store.path))
    #expect(try VariableStore.make(of: "/disks/a b.img", in: folder.path, from: template) == store)
    #expect(try Data(contentsOf: URL(fileURLWithPath: store.path)).first == 7)
    let other = try VariableStore.make(of: "/other/a b.img", in: folder.path, from: template)
    #expect(other.path != store.path)
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)).count == 5,
      "nothing but the template, the stores and the two folders")
  }

  @Test func storesOfAnotherFirmwareAreNotUsed() throws {
    let small = DiskImage(path: try write("small", Data(count: 4096)), format: .raw)
    let large = DiskImage(path: try write("large", Data(count: 8192)), format: .raw)
    _ = try VariableStore.make(of: "guest", in: folder.path, from: small)
    let error = #expect(throws: QEMUError.self) {
      try VariableStore.make(of: "guest", in: self.folder.path, from: large)
    }
    #expect(error?.description.contains("another firmware") == true)
  }

  /// A guest writes what it likes into its raw flash memory: a header there names a host's file.
  @Test func whatAGuestWroteNeverDecidesTheFormat() throws {
    let raw = DiskImage(path: try write("raw", Data(count: 4096)), format: .raw)
    let qcow2 = DiskImage(
      path: try write("qcow2", Data(QCOW2HeaderTests.Draft().bytes)), format: .qcow2)
    let first = try VariableStore.make(of: "guest", in: folder.path, from: raw)
    var draft = QCOW2HeaderTests.Draft()
    draft.backing = "/etc/passwd"
    let hostile = Data(draft.bytes)
    try (hostile + Data(count: 4096 - hostile.count)).write(
      to: URL(fileURLWithPath: first.path))
    #expect(try VariableStore.make(of: "guest", in: folder.path, from: raw) == first)
    // The next firmware is an image: what the guest has written is not taken for one.
    let second = try VariableStore.make(of: "guest", in: folder.path, from: qcow2)
    #expect(second.format == .qcow2 && second.path != first.path)
    #expect(try VariableStore.make(of: "guest", in: folder.path, from: qcow2) == second)
    try hostile.write(to: URL(fileURLWithPath: second.path))
    let error = #expect(throws: QEMUError.self) {
      try VariableStore.make(of: "guest", in: self.folder.path, from: qcow2)
    }
    #expect(error?.description.contains("another firmware; remove it") == true)
  }

  @Test func firmwareThatNeedsOtherFilesIsNone() throws {
    var draft = QCOW2HeaderTests.Draft()
    draft.backing = "/etc/passwd"
    let code = try install("package/60-a.json", code: "code.qcow2", format: "qcow2")
    try Data(draft.bytes).write(to: URL(fileURLWithPath: code))
    #expect(throws: QEMUError.self) { try self.found() }
    try Data(QCOW2HeaderTests.Draft().bytes).write(to: URL(fileURLWithPath: code))
    #expect(try found() == code)
  }

  @Test func storesThatCannotBeMadeSaySo() throws {
    let template = DiskImage(path: try write("empty", Data(count: 4096)), format: .raw)
    let error = #expect(throws: QEMUError.self) {
      try VariableStore.make(of: "guest", in: "/no/such", from: template)
    }
    #expect(error?.description.contains("No such file") == true)
    let lost = DiskImage(path: "/no/template", format: .raw)
    #expect(throws: QEMUError.self) {
      try VariableStore.make(of: "guest", in: self.folder.path, from: lost)
    }
  }
}
