// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostChanges
import HostDevices
import PersistentDevices

struct CreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a vGPU and print its name: a UUID, or a PCI address.",
    discussion: """
      The vGPU exists until you call `vgpu remove` or reboot the host. With --persist, mdevctl makes \
      the vGPU again at each boot (mediated devices only). \(Rights.needed)

      The type sriov makes virtual functions (SR-IOV) and binds them to vfio-pci. The kernel makes all \
      virtual functions of a GPU at once: say with --count how many you need. A type such as nvidia-558 \
      goes to a virtual function of an NVIDIA GPU (vGPU 17 and later). The GPU itself keeps its driver.
      """)

  @Argument(help: "Make a vGPU of this type (`vgpu types` lists the types).", completion: .types)
  var type: String

  @Option(
    help: ArgumentHelp(
      "Use this GPU. (default: the first one with room for the type)", valueName: "name"),
    completion: .parents)
  var parent: String?

  @Option(
    help: ArgumentHelp(
      "Make this many vGPUs (not mediated devices). (default: 1)", valueName: "number"))
  var count: Int?

  @Option(
    help: "Give the vGPU this UUID. (default: a random one)", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID?

  @Flag(help: "Make the vGPU again at each boot (needs mdevctl).")
  var persist = false

  @Flag(help: "With --persist: make the vGPU at `vgpu start`, not at each boot.")
  var manual = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    if manual && !persist {
      throw ValidationError(
        "--manual: a vGPU that is not persistent has no start to choose; add --persist")
    }
    if let count, !(1...256).contains(count) {
      throw ValidationError("--count \(count): give 1 to 256")
    }
  }

  private func makeFunctions() throws {
    if uuid != nil {
      throw ValidationError("--uuid: a vGPU of type \(type) is named by its PCI address")
    }
    if persist {
      throw ValidationError(
        "--persist: mdevctl keeps mediated devices only; run vgpu create \(type) in a unit at boot")
    }
    let change = HostChange.createFunctions(type: type, parent: parent, count: count ?? 1)
    let names = try change.carryOut(asking: .installed).made.map(\.busName)
    do {
      guard output.json else { return try print(names.joined(separator: "\n")) }
      let made = names.compactMap { PCIAddress($0) }.compactMap { HostHardware().pciVGPU(at: $0) }
      try print(JSONOutput.text(JSONList("pciVGPUs", made.map { PCIVGPUReport($0, users: []) })))
    } catch {
      // They exist all the same.
      throw Failure("the vGPUs \(names.joined(separator: ", ")) were made, but: \(error)")
    }
  }

  func run() throws {
    if try HostHardware().kind(ofType: type) != .mdev { return try makeFunctions() }
    if count != nil { throw ValidationError("--count: a mediated device is made alone") }
    let uuid = uuid ?? .random()
    let kept: PersistentVGPU.Start? = persist ? manual ? .manual : .auto : nil
    let change = HostChange.createMdev(type: type, parent: parent, uuid: uuid, kept: kept)
    _ = try change.carryOut(asking: .installed)
    do {
      guard output.json else { return try print("\(uuid)") }
      guard let device = HostHardware().device(uuid) else {
        throw Failure("mdev \(uuid): somebody has removed it already")
      }
      try print(JSONOutput.text(device))
    } catch {
      // It exists all the same, and its name would be lost.
      throw Failure("the vGPU \(uuid) was made, but: \(error)")
    }
  }
}

struct StartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a persistent vGPU that is not there yet.",
    discussion: """
      `vgpu create --persist` and mdevctl make persistent vGPUs. If the vGPU exists already, nothing \
      happens. \(Rights.needed)
      """)

  @Argument(
    help: "Start the vGPU with this UUID (`vgpu list` lists the UUIDs).",
    completion: .persistentVGPUs,
    transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID

  func run() throws {
    _ = try HostChange.start(uuid).carryOut(asking: .installed)
  }
}

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Remove a vGPU.",
    discussion: """
      End the guest first. A persistent vGPU comes back at the next boot or at `vgpu start`. To remove a \
      persistent vGPU for good, add --persist. \(Rights.needed)

      A virtual function goes back to the driver that it had. When it was the last one with a driver, and \
      `vgpu create` made the GPU's virtual functions, all of them are removed. Give the address of the \
      GPU itself to remove all its virtual functions.
      """)

  @Argument(
    help: "Remove the vGPU with this UUID or PCI address (`vgpu list` lists them).",
    completion: .allVGPUs,
    transform: VGPUName.parse)
  var name: AssignedDevice

  @Flag(help: "Remove a persistent vGPU for good, even if it is not running (needs mdevctl).")
  var persist = false

  func run() throws {
    if case .pci = name, persist {
      throw ValidationError("--persist: only mediated devices are persistent")
    }
    _ = try HostChange.remove(name, isKept: persist).carryOut(asking: .installed)
  }
}

/// The name of a vGPU that is to be made or removed: a UUID or a PCI address, with its prefix or without.
enum VGPUName {
  static func parse(_ text: String) throws -> AssignedDevice {
    for prefix in ["mdev:", "pci:"] where text.hasPrefix(prefix) {
      if let name = AssignedDevice(busName: String(text.dropFirst(prefix.count))),
        "\(name)".hasPrefix(prefix)
      {
        return name
      }
    }
    if let name = AssignedDevice(busName: text) { return name }
    throw HostDevicesError.invalidUUID(text)
  }
}
