// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices

/// mdevctl(8): keeps vGPUs in `/etc/mdevctl.d` and, by its udev rule, makes them again when the host
/// starts. What is defined here it lists, and the other way round.
struct Mdevctl {
  private let program: SystemProgram

  /// - Throws: `Failure` where it is not installed.
  init() throws {
    program = try SystemProgram("mdevctl", neededFor: "a persistent vGPU")
  }

  private init(_ program: SystemProgram) { self.program = program }

  /// The one that is installed, if any.
  static var installed: Mdevctl? { SystemProgram("mdevctl").map { Mdevctl($0) } }

  /// All vGPUs that last, whether they run or not.
  func definitions() throws -> [LastingVGPU] {
    try Self.definitions(in: program.run("list", "--defined", "--dumpjson"))
  }

  func definition(of uuid: MdevUUID) throws -> LastingVGPU? {
    try definitions().first { $0.uuid == uuid }
  }

  /// Makes a running vGPU one that lasts, of the type and parent that it has.
  func define(_ uuid: MdevUUID, start: LastingVGPU.Start) throws {
    if start == .auto {
      _ = try program.run("define", "--auto", "--uuid", "\(uuid)")
    } else {
      _ = try program.run("define", "--uuid", "\(uuid)")
    }
  }

  /// Forgets a vGPU; one that runs goes on.
  func undefine(_ uuid: MdevUUID) throws {
    _ = try program.run("undefine", "--uuid", "\(uuid)")
  }

  /// Makes a vGPU as it is defined, attributes included.
  func start(_ uuid: MdevUUID) throws {
    _ = try program.run("start", "--uuid", "\(uuid)")
  }

  private struct Definition: Decodable {
    let type: String
    let start: LastingVGPU.Start

    private enum CodingKeys: String, CodingKey {
      case type = "mdev_type"
      case start
    }
  }

  /// Reads `--dumpjson`: a list of parents, each with a list of UUIDs, each with one definition.
  static func definitions(in json: Data) throws -> [LastingVGPU] {
    let parents: [[String: [[String: Definition]]]]
    do {
      parents = try JSONDecoder().decode([[String: [[String: Definition]]]].self, from: json)
    } catch {
      throw Failure(
        "mdevctl: its list is not understood; see `mdevctl list --defined --dumpjson`")
    }
    return parents.flatMap { parents in
      parents.flatMap { parent, devices in
        devices.flatMap { devices in
          devices.compactMap { uuid, definition in
            MdevUUID(uuid).map {
              LastingVGPU(
                uuid: $0, parent: parent, type: definition.type, start: definition.start)
            }
          }
        }
      }
    }
    .sorted { "\($0.uuid)" < "\($1.uuid)" }
  }
}
