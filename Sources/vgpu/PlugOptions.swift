// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import GuestControl
import Hotplug

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
    let endpoint = try QMPEndpoint(of: target, socket: qmp)
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
