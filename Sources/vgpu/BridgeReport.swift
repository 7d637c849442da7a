// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol

/// A bridge's vGPUs and counters, for people and programs.
struct BridgeReport: Encodable {
  private let bridge: Bridge
  private let vGPUs: [VGPU]

  private struct Bridge: Encodable {
    let clients: UInt32
    let vGPUs: UInt32
    let connections: UInt64
    let refused: UInt64
    let expelled: UInt64
    let messages: UInt64
    let malformed: UInt64
    let throttled: UInt64
    let postponed: UInt64
    let strayDescriptors: UInt64
  }

  private struct VGPU: Encodable {
    let uuid: String
    let name: String
    let viewers: UInt32
    let canResize: Bool
    let looks: UInt64
    let polls: UInt64
    let flips: UInt64
    let buffers: UInt64
  }

  init(_ listing: BridgeListing) {
    let counters = listing.counters
    bridge = Bridge(
      clients: counters.clients, vGPUs: counters.vGPUs, connections: counters.connections,
      refused: counters.refused, expelled: counters.expelled, messages: counters.messages,
      malformed: counters.malformed, throttled: counters.throttled, postponed: counters.postponed,
      strayDescriptors: counters.strayDescriptors)
    vGPUs = listing.vGPUs.map {
      VGPU(
        uuid: "\($0.identifier)", name: $0.name, viewers: $0.viewers, canResize: $0.canResize,
        looks: $0.looks, polls: $0.polls, flips: $0.flips, buffers: $0.buffers)
    }
  }

  var text: String {
    guard !vGPUs.isEmpty else { return "The bridge shows no vGPU now." }
    var table = Table("UUID", "NAME", "VIEWERS", "LOOKS", "POLLS", "FLIPS")
    for vGPU in vGPUs {
      table.add(
        vGPU.uuid, vGPU.name, "\(vGPU.viewers)", "\(vGPU.looks)", "\(vGPU.polls)",
        "\(vGPU.flips)")
    }
    return table.text
  }
}
