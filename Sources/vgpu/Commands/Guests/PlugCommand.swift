// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import GuestControl
import Guests
import Hotplug

struct PlugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plug",
    abstract: "Give a running guest a device of the host's.",
    discussion: """
      A SCSI device, such as an optical drive, is given whole: burning and ejecting reach the \
      hardware. It goes by the guest's SCSI controller, or by a USB one that is plugged in with it. \
      QEMU's user needs the right to open the device. Without a DEVICE what was plugged in is listed.

        vgpu plug UUID /dev/sr0
        vgpu plug UUID usb:046d:c52b
        vgpu plug libvirt:win10 usb:1.4
      """)

  @OptionGroup var guest: PlugOptions

  @Argument(
    help: ArgumentHelp(
      "A SCSI device's node, usb:VENDOR:PRODUCT or usb:BUS.ADDRESS.", valueName: "device"),
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
      print(plugged.isEmpty ? "Nothing was plugged in." : plugged.joined(separator: "\n"))
    }
  }
}

struct UnplugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unplug",
    abstract: "Take a device from a guest that was given it with `vgpu plug`.",
    discussion: "Waits until the guest has let go of it.")

  @OptionGroup var guest: PlugOptions

  @Argument(
    help: ArgumentHelp("The device, as it was plugged in.", valueName: "device"),
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
      "The socket where QEMU serves QMP, if it cannot be found.", valueName: "path"))
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
