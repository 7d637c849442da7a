// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import GuestControl
import Guests
import Hotplug
import LinuxSystem

struct PlugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plug",
    abstract: "Plug a device of the host into a running guest, or list the plugged devices.",
    discussion: """
      The guest gets the whole device, so that the guest can eject and burn discs. A SCSI device goes to \
      the guest's SCSI controller; if the guest has none, vgpu plugs in a USB controller too. QEMU's \
      user needs the right to open the device.

      Without DEVICE, list the plugged devices.

        vgpu plug UUID /dev/sr0
        vgpu plug UUID usb:046d:c52b
        vgpu plug libvirt:win10 usb:1.4
      """)

  @OptionGroup var guest: PlugOptions

  @Argument(
    help: ArgumentHelp(
      "Plug in this device: /dev/NODE (SCSI), usb:VENDOR:PRODUCT or usb:BUS.ADDRESS.",
      valueName: "device"),
    completion: .pluggableDevices, transform: PluggableDevice.init(parsing:))
  var device: PluggableDevice?

  @OptionGroup var output: JSONOption

  func run() throws {
    let device = device
    let lists = device == nil || output.json
    let plugged = try guest.withHotplug { hotplug in
      if let device { try await hotplug.plug(device) }
      return lists ? try await hotplug.plugged().map(\.description) : []
    }
    guard lists else { return }
    if output.json {
      try print(JSONOutput.text(JSONList("devices", plugged.map(Plugged.init))))
    } else if plugged.isEmpty {
      StandardError.write("Nothing is plugged in.")
    } else {
      try print(plugged.joined(separator: "\n"))
    }
  }
}

/// A device that is plugged in, by the name that `unplug` takes.
private struct Plugged: Encodable {
  let device: String
}

struct UnplugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unplug",
    abstract: "Unplug a device that `vgpu plug` plugged in.",
    discussion: "The command waits until the guest releases the device.")

  @OptionGroup var guest: PlugOptions

  @Argument(
    help: ArgumentHelp("Unplug this device; use its name from `vgpu plug`.", valueName: "device"),
    completion: .pluggableDevices, transform: PluggableDevice.init(parsing:))
  var device: PluggableDevice

  func run() throws {
    let device = device
    try guest.withHotplug { try await $0.unplug(device) }
  }
}

/// Which guest is given a device, and how it is reached.
struct PlugOptions: ParsableArguments {
  @Argument(help: "Name the guest: mdev:UUID, pid:N or libvirt:[session/|system/]NAME.")
  var target: Target

  @Option(
    help: ArgumentHelp(
      "Use this QMP socket. (default: vgpu looks for one)", valueName: "path"),
    completion: .file())
  var qmp: String?

  /// Connects to the guest's QEMU for as long as `body` takes.
  func withHotplug<Value: Sendable>(
    _ body: @escaping @Sendable (GuestHotplug) async throws -> Value
  ) throws -> Value {
    let endpoint = try Guest(target, qmpSocket: qmp).qmpEndpoint()
    return try waiting {
      let connection = try await endpoint.connect()
      do {
        let value = try await body(GuestHotplug(connection))
        await connection.close()
        return value
      } catch {
        await connection.close()
        throw error
      }
    }
  }
}
