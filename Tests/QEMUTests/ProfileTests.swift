// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `vgpu run --print` prints for every profile, given to the QEMUs that there are. What no test
/// machine has is stood in for; what stands in keeps its id, its bus and its address.
@Suite(.serialized, .onOwnThread) struct ProfileTests {
  /// The command with stand-ins.
  private func runnable(_ words: [String], in folder: URL) throws -> [String] {
    var words = words
    for index in words.indices.dropFirst() {
      switch (words[index - 1], words[index]) {
      case ("-accel", _): words[index] = "tcg"
      // Threads are told of by Intel's processors without more ado.
      case ("-cpu", _): words[index] = "max,vendor=GenuineIntel"
      case ("-object", let option) where option.hasPrefix("memory-backend-file,"):
        words[index] = option.split(separator: ",").map { part in
          part.hasPrefix("mem-path=") ? "mem-path=\(folder.path)" : String(part)
        }.joined(separator: ",")
      case ("-netdev", let option) where option.hasPrefix("tap,"): words[index] = "user,id=net0"
      case ("-drive", let option) where option.contains("file=/dev/sg"):
        words[index] = option.split(separator: ",").map { part in
          part.hasPrefix("file=") ? "file=\(folder.path)/\(part.suffix(3))" : String(part)
        }.joined(separator: ",")
      case ("-device", let option):
        let parts = option.split(separator: ",").map(String.init)
        switch parts[0] {
        case "vfio-pci":
          let kept = parts.filter { part in
            ["id=", "bus=", "addr=", "multifunction="].contains { part.hasPrefix($0) }
          }
          words[index] = (["pci-testdev"] + kept).joined(separator: ",")
        case "usb-host": words[index] = "usb-mouse"
        case "scsi-generic": words[index] = (["scsi-hd"] + parts[1...]).joined(separator: ",")
        default: break
        }
      default: break
      }
    }
    return words
  }

  private struct Answer: Decodable {
    struct Device: Decodable {
      let slot: Int
      let function: Int
      let id: String

      private enum CodingKeys: String, CodingKey {
        case slot, function
        case id = "qdev_id"
      }
    }
    struct Bus: Decodable { let devices: [Device] }
    enum Value: Decodable {
      case buses([Bus])
      case number(Int)
      case other
      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let buses = try? container.decode([Bus].self) {
          self = .buses(buses)
        } else if let number = try? container.decode(Int.self) {
          self = .number(number)
        } else {
          self = .other
        }
      }
    }
    let `return`: Value?
  }

  /// Starts a command with its processors held, asks for its PCI devices and for those devices'
  /// addresses (the device times 8 and the function) by id, and ends it.
  private func start(
    _ guest: String, _ program: String, asking ids: [String]
  ) throws -> (devices: [Answer.Device], addresses: [Int]) {
    try Printed.withFolder { folder in
      for node in ["sg0", "sg1"] {
        try Data(count: 1 << 20).write(to: folder.appendingPathComponent(node))
      }
      let words = try runnable(
        try Printed.command(guest, program, in: folder), in: folder)
      let questions = ids.map {
        """
        {"execute": "qom-get",
         "arguments": {"path": "/machine/peripheral/\($0)", "property": "addr"}}
        """
      }
      let commands = ["qmp_capabilities", "query-pci"].map { "{\"execute\": \"\($0)\"}" }
      let input = (commands + questions + ["{\"execute\": \"quit\"}"]).joined(separator: "\n")
      let answer = try Printed.run(
        words[0], words.dropFirst() + ["-S", "-qmp", "stdio"], in: folder, input: input + "\n")
      #expect(answer.code == 0 && answer.errors == "", "\(guest): \(answer.errors)")
      #expect(answer.output.hasPrefix("{\"QMP\""), "\(guest)")
      let values = answer.output.split(whereSeparator: \.isNewline).compactMap {
        try? JSONDecoder().decode(Answer.self, from: Data($0.utf8)).return
      }
      let buses = values.lazy.compactMap { if case .buses(let buses) = $0 { buses } else { nil } }
      let numbers = values.compactMap { if case .number(let number) = $0 { number } else { nil } }
      return (try #require(buses.first, "\(guest)").flatMap(\.devices), numbers)
    }
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs, Printed.guests)
  func everyPrintedCommandStarts(program: String, guest: String) throws {
    let answer = try start(guest, program, asking: [])
    #expect(!answer.devices.isEmpty)
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func graphicsAreWhereDriversLook(program: String) throws {
    for machine in ["pc", "q35"] {
      let devices = try start(
        "--profile igd --memory 128M --machine \(machine)", program, asking: []
      ).devices
      let graphics = try #require(devices.first { $0.id == "pci0.0" })
      #expect(graphics.slot == 2 && graphics.function == 0)
    }
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func cardKeepsItsFunctions(program: String) throws {
    let card = "--profile gpu --gpu 01:00 --pci 01:00.1 --pci 00:14.3 --memory 128M"
    let ids = ["pci0.0", "pci0.1", "pci1.0"]
    #expect(
      try start(card, program, asking: ids).addresses == [0, 1, 0])
    #expect(
      try start("\(card) --machine pc", program, asking: ids).addresses
        == [16 << 3, 16 << 3 | 1, 17 << 3])
  }

  /// The devices that are stood in for: QEMU knows each of their properties.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func everyPropertyIsKnown(program: String) throws {
    try Printed.withFolder { folder in
      var models: Set<String> = []
      for guest in Printed.guests {
        let words = try Printed.command(guest, program, in: folder)
        for (word, next) in zip(words, words.dropFirst()) where word == "-device" {
          let parts = next.split(separator: ",").map(String.init)
          let help = try Printed.run(program, ["-device", "\(parts[0]),help"], in: folder).output
          // Where a QEMU lacks USB's module, there is no help.
          guard ["vfio-pci", "usb-host", "scsi-generic"].contains(parts[0]), !help.isEmpty else {
            continue
          }
          models.insert(parts[0])
          let known = Set(
            help.split(separator: "\n").compactMap {
              $0.trimmingCharacters(in: .whitespaces).split(separator: "=").first.map(String.init)
            })
          for part in parts.dropFirst() where !part.hasPrefix("id=") && !part.hasPrefix("bus=") {
            let name = String(part.split(separator: "=")[0])
            #expect(known.contains(name), "\(parts[0]): \(name)")
          }
        }
      }
      #expect(models.contains("vfio-pci") && models.contains("scsi-generic"))
    }
  }

  @Test func whatTheHostLacksIsSaid() throws {
    try Printed.withFolder { folder in
      func fails(_ words: String..., with text: String, code: Int32 = 1) throws {
        let answer = try Printed.run(Printed.vgpu.path, ["run"] + words, in: folder)
        #expect(answer.code == code, "\(words)")
        #expect(answer.errors.contains(text), "\(words): \(answer.errors)")
        #expect(code == 64 || answer.errors.split(separator: "\n").count == 1, "\(answer.errors)")
      }
      try fails(
        "--profile", "gpu", "--gpu", "fffe:01:00",
        with: "fffe:01:00.0: no such PCI function; `vgpu pci list`", code: 66)
      try fails("--profile", "gpu", with: "--gpu 01:00", code: 64)
      try fails("--profile", "igd", "--x-vga", with: "--x-vga", code: 64)
      try fails("--vgpu", "t", "--gpu", "01:00", with: "add --profile gpu or igd", code: 64)
      try fails("--profile", "gvt-g", with: "--vgpu: name a vGPU", code: 64)
      try fails("--gpu", "01:00", with: "add --profile gpu or igd", code: 64)
      try fails("--profile", "virtio", "--vgpu", "t", with: "leave out --vgpu", code: 64)
      try fails("--vgpu", "t", "--gl", with: "--gl: needs a virtio GPU", code: 64)
      try fails("--boot-screen", with: "a boot screen: needs a vGPU", code: 64)
      try fails("--name", ".a", with: "--name: it becomes part of file names", code: 64)
      try fails(
        "--vgpu", "t", "--scsi", "/dev/no", with: "/dev/no: no such device; lsscsi", code: 66)
      try fails("--vgpu", "t", "--scsi", "/dev/null", with: "/dev/null: no SCSI device", code: 82)
      try fails(
        "--vgpu", "t", "--usb", "99.1", with: "USB 99.1: nothing is plugged in there", code: 66)
      try fails("--vgpu", "t", "--usb", "1.200", with: "--usb", code: 64)
      try fails(
        "--vgpu", "t", "--network", "tap:no-such", with: "no-such: no such network", code: 66)
      try fails("--vgpu", "t", "--network", "tap:lo", with: "lo: is no TAP interface; make one")
      try fails("--vgpu", "t", "--pin", "--cpus", "512", with: "but this host has only")
    }
  }
}
