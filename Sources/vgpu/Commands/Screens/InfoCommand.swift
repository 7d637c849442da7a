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
import VGPUDisplay

struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Describe a guest, its functions and their providers.",
    discussion: """
      Print the guest's process, QMP sockets, libvirt domain and vGPUs. Then print each function of the \
      guest, the provider in use, and the reasons against better providers. The command opens no \
      device, connects to no QMP socket, and sends nothing to the guest.

      --heads asks the guest for its screens too. For that, vgpu connects to QEMU's display as a viewer \
      does, and another viewer of the guest loses the picture.

        vgpu info UUID
        vgpu info libvirt:win10 --json
      """)

  @OptionGroup var target: TargetArgument

  @Option(
    help: ArgumentHelp(
      "Use this QMP socket. (default: vgpu looks for one)", valueName: "path"),
    completion: .file())
  var qmp: String?

  @OptionGroup var agent: AgentOption

  @Flag(help: "List the guest's screens, with their sizes.")
  var heads = false

  @OptionGroup var output: JSONOption

  func validate() throws { try target.refuseSeveralHeads() }

  func run() throws {
    let guest = target.guest(qmp: qmp, agent: agent.agent)
    let facts = try guest.look()
    let report = InfoReport(facts, heads: heads ? try guest.heads() : nil)
    try print(output.json ? JSONOutput.text(report) : report.text)
  }
}

/// What `vgpu info` prints.
struct InfoReport: Encodable {
  private let target: String
  private let kind: GuestFacts.Kind
  private let processes: [Process]
  @OrNull private var display: Display?
  private let qmpSockets: [String]
  @OrNull private var guestName: String?
  @OrNull private var domain: Domain?
  private let vGPUs: [MdevDevice]
  private let pciVGPUs: [PCIVGPU]
  @OrNull private var bridge: BridgeReport.Bridge?
  private let bridgedVGPUs: [BridgeReport.VGPU]
  private let functions: [Function]
  @OrNull private var heads: [Head]?
  private let offers: [FunctionOffer]

  /// One of the guest's screens.
  private struct Head: Encodable {
    let number: Int
    @OrNull var device: String?
    @OrNull var address: String?
    let output: Int
    @OrNull var width: Int?
    @OrNull var height: Int?
  }

  private struct Process: Encodable {
    let pid: Int32
    let program: String
    let user: String
    /// Why this user may not look into it.
    @OrNull var refusal: String?
  }

  /// What the process that has the device can show.
  private struct Display: Encodable {
    let pid: Int32
    @OrNull var transport: String?
    @OrNull var monitor: Monitor?

    struct Monitor: Encodable {
      @OrNull var maximumWidth: Int?
      @OrNull var maximumHeight: Int?
    }
  }

  private struct Domain: Encodable {
    let name: String
    let uuid: String
    let uri: String
    let state: String
  }

  private struct Function: Encodable {
    let function: GuestFunction
    @OrNull var provider: FunctionOffer.Candidate?
    let passedOver: [PassedOver]

    struct PassedOver: Encodable {
      let provider: FunctionOffer.Candidate
      let reason: String
      let explanation: String
    }
  }

  private enum CodingKeys: String, CodingKey {
    case target, kind, processes, display, qmpSockets, guestName, domain, pciVGPUs, bridge,
      bridgedVGPUs, functions, heads
    case vGPUs = "vgpus"
  }

  init(_ facts: GuestFacts, heads: [ScreenHead]? = nil) {
    target = "\(facts.target)"
    kind = facts.kind
    processes = facts.processes.map {
      Process(
        pid: $0.pid, program: $0.program, user: $0.user, refusal: $0.defect.map { "\($0)" })
    }
    let display: Display? =
      if case .success(let device)? = facts.device {
        Display(
          pid: device.process.pid, transport: device.transport.map(Self.name),
          monitor: device.monitor.map {
            Display.Monitor(maximumWidth: $0.width, maximumHeight: $0.height)
          })
      } else {
        nil
      }
    _display = OrNull(wrappedValue: display)
    let sockets: QMPSockets? = if case .success(let found)? = facts.qmp { found } else { nil }
    qmpSockets = facts.namedSocket.map { [$0] } ?? sockets?.paths ?? []
    _guestName = OrNull(wrappedValue: sockets?.guestName)
    _domain = OrNull(
      wrappedValue: facts.domain.map {
        Domain(name: $0.name, uuid: $0.uuid, uri: $0.uri, state: Self.name($0.state))
      })
    vGPUs = facts.vGPUs
    pciVGPUs = facts.pciVGPUs
    let bridge = facts.bridge.map { BridgeReport($0) }
    _bridge = OrNull(wrappedValue: bridge?.bridge)
    bridgedVGPUs = bridge?.bridgedVGPUs ?? []
    _heads = OrNull(
      wrappedValue: heads?.map {
        Head(
          number: $0.number, device: $0.device, address: $0.address, output: $0.output,
          width: $0.size?.width, height: $0.size?.height)
      })
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
    case .shuttingDown: "shutting-down"
    case .shutOff: "shut-off"
    case .crashed: "crashed"
    case .suspended: "suspended"
    case .other: "other"
    }
  }
}

extension InfoReport {
  /// For a terminal of 80 columns.
  var text: String {
    var lines = row("guest", "\(target): \(kindInWords)")
    if let domain {
      lines += row(
        "domain", "\(domain.name) at \(domain.uri), \(domain.state.replacing("-", with: " "))")
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
    for vGPU in pciVGPUs {
      let parts = [
        "\(vGPU.address)", vGPU.label,
        vGPU.function.physicalFunction.map { "virtual function of \($0)" },
        vGPU.function.iommuGroup.map { "group \($0)" }, vGPU.renderNode,
      ]
      lines += row(
        vGPU.kind == .gpu ? "GPU" : "vGPU", parts.compactMap { $0 }.joined(separator: ", "))
    }
    if let display { lines += row("display", text(display)) }
    for vGPU in bridgedVGPUs {
      // A bridge's names have the UUID as a rule.
      let name = vGPU.name.contains(vGPU.uuid) ? vGPU.name : "\(vGPU.uuid) \(vGPU.name)"
      lines += row("shown", "\(name), \(vGPU.viewers) viewing")
    }
    for head in heads ?? [] { lines += row("head \(head.number)", text(head)) }
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
    case .qemu: "a QEMU"
    case .synthetic: "the synthetic guest"
    }
  }

  private func text(_ display: Display) -> String {
    let picture = display.transport.map { "pictures by \($0)" } ?? "no display"
    guard let monitor = display.monitor else { return "\(picture), no EDID region" }
    guard let width = monitor.maximumWidth, let height = monitor.maximumHeight else {
      return "\(picture), EDID region"
    }
    return "\(picture), EDID region for \(width)x\(height) at most"
  }

  private func text(_ head: Head) -> String {
    var size = "no picture"
    if let width = head.width, let height = head.height { size = "\(width)x\(height)" }
    let output = head.output > 0 ? "output \(head.output)" : nil
    return [size, head.device, head.address, output].compactMap(\.self).joined(separator: ", ")
  }

  private func title(_ function: GuestFunction) -> String {
    switch function {
    case .screen: "screen"
    case .bootScreen: "boot screen"
    case .input: "keyboard, pointer"
    case .size: "screen size"
    case .clipboard: "clipboard"
    case .files: "files"
    case .sound: "sound"
    case .microphone: "microphone"
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
