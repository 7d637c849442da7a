// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import BridgeClient
import BridgeProtocol
import FrameStatistics
import GuestControl
import Guests
import HostDevices
import Libvirt
import LinuxSystem
import SafeText
import VFIO

struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show what a guest is and what it offers.",
    discussion: """
      Prints the guest's process, QMP sockets, domain and vGPUs. Then prints each function of the \
      guest, its provider, and the reasons against better providers. The command opens no device, \
      connects to no QMP socket, and sends the guest nothing.

        vgpu info UUID
        vgpu info libvirt:win10 --json
      """)

  @OptionGroup var target: TargetArgument

  @Option(
    help: ArgumentHelp(
      "Use this QMP socket, when vgpu does not find it.", valueName: "path"))
  var qmp: String?

  @OptionGroup var output: JSONOption

  func run() throws {
    let report = InfoReport(try target.guest(qmp: qmp).look())
    print(output.json ? try JSONOutput.text(report) : report.text)
  }
}

/// What `vgpu info` prints.
struct InfoReport: Encodable {
  private let target: String
  private let kind: GuestFacts.Kind
  private let processes: [Process]
  private let device: Device?
  private let qmpSockets: [String]
  private let guestName: String?
  private let domain: Domain?
  private let vGPUs: [MdevDevice]
  private let bridge: [BridgedVGPU]?
  private let functions: [Function]
  private let offers: [FunctionOffer]

  private struct Process: Encodable {
    let pid: Int32
    let program: String
    let user: String
    /// What stands in the way of looking into it.
    let hidden: String?
  }

  private struct Device: Encodable {
    let pid: Int32
    let transport: String?
    let monitor: Monitor?

    struct Monitor: Encodable {
      let maximumWidth: Int?
      let maximumHeight: Int?
    }
  }

  private struct Domain: Encodable {
    let name: String
    let uuid: String
    let uri: String
    let state: String
  }

  private struct BridgedVGPU: Encodable {
    let identifier: String
    let name: String
    let viewers: UInt32
    let canResize: Bool
  }

  private struct Function: Encodable {
    let function: GuestFunction
    let provider: FunctionOffer.Candidate?
    let passedOver: [PassedOver]

    struct PassedOver: Encodable {
      let provider: FunctionOffer.Candidate
      let reason: String
      let explanation: String
    }
  }

  private enum CodingKeys: String, CodingKey {
    case target, kind, processes, device, qmpSockets, guestName, domain, bridge, functions
    case vGPUs = "vgpus"
  }

  init(_ facts: GuestFacts) {
    target = "\(facts.target)"
    kind = facts.kind
    processes = facts.processes.map {
      Process(
        pid: $0.pid, program: $0.program, user: $0.user, hidden: $0.defect.map { "\($0)" })
    }
    device =
      if case .success(let device)? = facts.device {
        Device(
          pid: device.process.pid, transport: device.transport.map(Self.name),
          monitor: device.monitor.map {
            Device.Monitor(maximumWidth: $0.width, maximumHeight: $0.height)
          })
      } else {
        nil
      }
    let sockets: QMPSockets? = if case .success(let found)? = facts.qmp { found } else { nil }
    qmpSockets = facts.namedSocket.map { [$0] } ?? sockets?.paths ?? []
    guestName = sockets?.guestName
    domain = facts.domain.map {
      Domain(name: $0.name, uuid: $0.uuid, uri: $0.uri, state: Self.name($0.state))
    }
    vGPUs = facts.vGPUs
    bridge = facts.bridge.map { listing in
      listing.vGPUs.map {
        BridgedVGPU(
          identifier: "\($0.identifier)", name: $0.name, viewers: $0.viewers,
          canResize: $0.canResize)
      }
    }
    offers = facts.offers
    functions = offers.map { offer in
      Function(
        function: offer.function, provider: offer.provider,
        passedOver: offer.passedOver.map {
          Function.PassedOver(
            provider: $0.candidate, reason: $0.obstacle.code, explanation: "\($0.obstacle)")
        })
    }
  }

  private static func name(_ transport: PlaneTransport) -> String {
    switch transport {
    case .dmaBuf: "dma-buf"
    case .region: "region"
    }
  }

  private static func name(_ state: LibvirtDomainState) -> String {
    switch state {
    case .running: "running"
    case .paused: "paused"
    case .shuttingDown: "shutting down"
    case .shutOff: "shut off"
    case .crashed: "crashed"
    case .suspended: "suspended"
    case .other(let number): "state \(number)"
    }
  }
}

extension InfoReport {
  /// For a terminal of 80 columns.
  var text: String {
    var lines = row("guest", "\(target): \(kindInWords)")
    if let domain {
      lines += row("domain", "\(domain.name) at \(domain.uri), \(domain.state)")
    }
    for process in processes {
      lines += row("process", "\(process.pid) \(process.program), user \(process.user)")
    }
    for socket in qmpSockets { lines += row("QMP", socket) }
    for vGPU in vGPUs {
      let parts = [
        "\(vGPU.uuid)", vGPU.type, vGPU.parent, vGPU.iommuGroup.map { "group \($0)" },
        vGPU.renderNode,
      ]
      lines += row("vGPU", parts.compactMap { $0 }.joined(separator: ", "))
    }
    if let device {
      lines += row("display", display(device))
    }
    for vGPU in bridge ?? [] {
      // A bridge's names have the identifier as a rule.
      let name =
        vGPU.name.contains(vGPU.identifier) ? vGPU.name : "\(vGPU.identifier) \(vGPU.name)"
      lines += row("shown", "\(name), \(vGPU.viewers) viewing")
    }
    lines.append("")
    var told: [(GuestFunction, [String])] = []
    for offer in offers {
      let text =
        [offer.provider?.title ?? "nobody"]
        + offer.worthTelling.map {
          // What follows from the target is no fault of a provider's.
          $0.obstacle.isOfTarget ? "\($0.obstacle)" : "not \($0.candidate.title): \($0.obstacle)"
        }
      // Input, power and hot-plug go one way as a rule.
      if let same = told.first(where: { $0.1 == text })?.0 {
        lines += row(title(offer.function), "as \(title(same))")
        continue
      }
      told.append((offer.function, text))
      for (index, paragraph) in text.enumerated() {
        lines += row(index == 0 ? title(offer.function) : "", paragraph)
      }
    }
    return lines.joined(separator: "\n")
  }

  private var kindInWords: String {
    switch kind {
    case .vGPU: "a vGPU"
    case .process: "a process"
    case .domain: "a libvirt domain"
    case .bridge: "a bridge"
    case .synthetic: "the synthetic guest"
    }
  }

  private func display(_ device: Device) -> String {
    let picture = device.transport.map { "pictures by \($0)" } ?? "no display"
    guard let monitor = device.monitor else { return "\(picture), no EDID region" }
    guard let width = monitor.maximumWidth, let height = monitor.maximumHeight else {
      return "\(picture), EDID region"
    }
    return "\(picture), EDID region for \(width)x\(height) at most"
  }

  private func title(_ function: GuestFunction) -> String {
    switch function {
    case .screen: "screen"
    case .bootScreen: "boot screen"
    case .input: "keyboard, pointer"
    case .size: "screen size"
    case .power: "power"
    case .hotplug: "hot-plug"
    }
  }

  private func row(_ heading: String, _ text: String) -> [String] {
    let column = 19
    return PlainText.line(text).wrapped(to: 80 - column).enumerated().map { index, line in
      let start = index == 0 ? heading : ""
      return start + String(repeating: " ", count: column - start.count) + line
    }
  }
}
