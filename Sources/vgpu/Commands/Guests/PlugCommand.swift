// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import GuestControl
import Guests
import Hotplug

struct PlugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plug",
    abstract: "Plug a device of the host into a running guest, or list what is plugged in.",
    discussion: """
      The guest gets a SCSI device whole: it can eject and burn. vgpu plugs the device into the \
      guest's SCSI controller; when there is none, it plugs in a USB controller as well. QEMU's user \
      must have the right to open the device.

      Leave DEVICE out to list the devices that are plugged in.

        vgpu plug UUID /dev/sr0
        vgpu plug UUID usb:046d:c52b
        vgpu plug libvirt:win10 usb:1.4
      """)

  @OptionGroup var guest: PlugOptions

  @Argument(
    help: ArgumentHelp(
      "/dev/NODE of a SCSI device, usb:VENDOR:PRODUCT or usb:BUS.ADDRESS.", valueName: "device"),
    transform: PluggableDevice.init(parsing:))
  var device: PluggableDevice?

  @OptionGroup var output: JSONOption

  func run() throws {
    let device = device
    let plugged = try guest.withHotplug { hotplug in
      if let device { try await hotplug.plug(device) }
      return device == nil ? try await hotplug.plugged().map(\.description) : []
    }
    guard device == nil else { return }
    if output.json {
      print(try JSONOutput.text(plugged))
    } else {
      print(plugged.isEmpty ? "Nothing is plugged in." : plugged.joined(separator: "\n"))
    }
  }
}

struct UnplugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unplug",
    abstract: "Unplug a device that `vgpu plug` plugged in.",
    discussion: "The command waits until the guest has let go of the device.")

  @OptionGroup var guest: PlugOptions

  @Argument(
    help: ArgumentHelp("The device, as you named it to `vgpu plug`.", valueName: "device"),
    transform: PluggableDevice.init(parsing:))
  var device: PluggableDevice

  func run() throws {
    let device = device
    try guest.withHotplug { try await $0.unplug(device) }
  }
}

/// Which guest is given a device, and how it is reached.
struct PlugOptions: ParsableArguments {
  @Argument(help: "mdev:UUID, pid:N or libvirt:[session/|system/]NAME.")
  var target: Target

  @Option(
    help: ArgumentHelp(
      "Use this QMP socket, when vgpu does not find it.", valueName: "path"))
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
