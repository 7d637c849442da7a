// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import PersistentDevices

struct PCICommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pci",
    abstract: "List PCI devices by IOMMU group, prepare them for guests, and undo that.",
    subcommands: [
      PCIListCommand.self, PCIBindCommand.self, PCIUnbindCommand.self, PCIRestoreCommand.self,
    ])
}

/// PCI functions as a person names them.
struct PCIAddressArguments: ParsableArguments {
  @Argument(help: "PCI functions, such as 0000:01:00.0 or 01:00.0.")
  var addresses: [String]

  func parsed() throws -> [PCIAddress] { try addresses.map(PCIAddressArguments.address) }

  static func address(_ text: String) throws -> PCIAddress {
    guard let address = PCIAddress(text) else {
      throw ValidationError(
        "\(text.debugDescription): not a PCI address; it must look like 0000:01:00.0")
    }
    return address
  }
}

struct PCIBindCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bind",
    abstract: "Bind PCI functions to a driver, such as vfio-pci for a guest.",
    usage: "vgpu pci bind <address> ... <driver> [--force] [--persist] [--json]",
    discussion: """
      vgpu binds the other functions of the same device too when they are in the same IOMMU group; \
      it binds a virtual function (SR-IOV) alone. Name the other devices of the group as well, or \
      leave them without a driver.

      vgpu refuses a device that the host uses: its boot display, a mounted disk, a network \
      interface that is up, a GPU with a desktop, a function with virtual functions. `vgpu pci \
      restore` undoes everything. Needs root.
      """)

  @Argument(
    help: ArgumentHelp(
      "PCI functions, such as 0000:01:00.0 or 01:00.0; the driver is the last word.",
      valueName: "address> ... <driver"))
  var words: [String]

  @Flag(help: "Take devices that the host uses too.")
  var force = false

  @Flag(help: "Bind again at each boot (needs driverctl).")
  var persist = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    guard words.count > 1 else {
      throw ValidationError("name the functions and the driver: vgpu pci bind 01:00.0 vfio-pci")
    }
    _ = try addresses()
  }

  func run() throws {
    let persistent = persist ? try PersistentBindings() : nil
    let driver = words.last ?? ""
    let bindings = try PCIBindings().bind(try addresses(), to: driver, isForced: force)
    for binding in bindings { try persistent?.keep(driver, of: binding.address) }
    try PCIReport.print(bindings, output)
  }

  private func addresses() throws -> [PCIAddress] {
    try words.dropLast().map(PCIAddressArguments.address)
  }
}

struct PCIUnbindCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unbind",
    abstract: "Unbind PCI functions from their drivers.",
    discussion: """
      vgpu unbinds only the functions that you name, and refuses those that the host uses. `vgpu pci \
      restore` undoes everything. Needs root.
      """)

  @OptionGroup var functions: PCIAddressArguments

  @Flag(help: "Take devices that the host uses too.")
  var force = false

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try functions.parsed() }

  func run() throws {
    let bindings = try PCIBindings().unbind(try functions.parsed(), isForced: force)
    try PCIReport.print(bindings, output)
  }
}

struct PCIRestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Bind PCI functions to their former drivers again.",
    discussion: """
      Without ADDRESSES, everything is undone that `vgpu pci bind` and `unbind` changed since the \
      boot. End the guests first. Needs root.
      """)

  @Argument(
    help: "PCI functions, such as 0000:01:00.0 or 01:00.0. (default: all that were changed)")
  var addresses: [String] = []

  @Flag(help: "Undo --persist too (needs driverctl).")
  var persist = false

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try addresses.map(PCIAddressArguments.address) }

  func run() throws {
    let persistent = persist ? try PersistentBindings() : nil
    let named = try addresses.map(PCIAddressArguments.address)
    let bindings = try PCIBindings().restore(named.isEmpty ? nil : named)
    for address in Set(bindings.map(\.address) + named).sorted() {
      try persistent?.forget(address)
    }
    try PCIReport.print(bindings, output)
  }
}

/// What a command did to PCI functions.
enum PCIReport {
  static func print(_ bindings: [PCIBinding], _ output: JSONOption) throws {
    if output.json {
      vgpu.print(try JSONOutput.text(bindings))
      return
    }
    if bindings.isEmpty { vgpu.print("There is nothing to restore: nothing was changed.") }
    for binding in bindings { vgpu.print(line(binding)) }
  }

  private static func line(_ binding: PCIBinding) -> String {
    let now = binding.after ?? "no driver"
    if binding.before == binding.after { return "\(binding.address): \(now), as before" }
    return "\(binding.address): \(binding.before ?? "no driver") -> \(now)"
  }
}
