// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import EGLPresenter
import HostCheck
import HostDevices
import LinuxSystem
import SystemPackage

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Tell what this host lacks for vGPUs, or for handing a GPU to a guest.",
    discussion: """
      Each check says what was found, why it matters, what fixes it and where it is documented. \
      Nothing is changed. Some facts only root can see.

      Exit codes: 0 nothing stands in the way, 1 something does, 64 wrong usage.
      """)

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp(
      "gvt-g: slices of an Intel GPU; igd: that GPU whole; gpu: a graphics card.",
      valueName: "purpose"))
  var purpose = PurposeArgument(.gvtG)

  @Option(
    help: ArgumentHelp("The device for the guest, where there are several.", valueName: "address"))
  var device: String?

  @Option(help: ArgumentHelp("What the guest is to have, as 4096 or 4G.", valueName: "size"))
  var memory = MemorySize(mebibytes: 4096)

  @Option(help: ArgumentHelp("QEMU's program.", valueName: "path"))
  var qemu = "qemu-system-x86_64"

  @Option(
    help: ArgumentHelp("Look at a tree that Scripts/capture-host made.", valueName: "folder"))
  var root: String?

  @Flag(
    help: """
      Print a shell script of the remedies that do no harm. It adds lines to files named \
      vgpu-doctor below /etc, and changes no others.
      """)
  var fix = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    if fix, output.json { throw ValidationError("--fix and --json exclude each other") }
    if let device { _ = try PCIAddressArguments.address(device) }
  }

  func run() throws {
    let report = HostReport(
      of: try CapturedHost.at(root), for: purpose.purpose,
      device: try device.map(PCIAddressArguments.address), guestMemory: memory.mebibytes,
      live: root == nil ? LiveFacts(qemu: qemu, graphics: Self.graphics) : nil)
    if fix {
      print(report.script)
    } else if output.json {
      print(try JSONOutput.text(report))
    } else {
      // The report has made its findings plain; its colours would be lost in `print`.
      Swift.print(report.text(isColoured: Self.isTerminal))
    }
    if !report.isGood { throw ExitCode(1) }
  }

  /// https://no-color.org
  private static var isTerminal: Bool {
    isatty(STDOUT_FILENO) != 0 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
      && getenv("TERM").map { String(cString: $0) } != "dumb"
  }

  @Sendable private static func graphics(
    _ node: String?
  ) -> Result<LiveFacts.Graphics, LiveFacts.GraphicsRefusal> {
    do {
      let capabilities = try RenderContext(.headless(renderNode: node)).capabilities
      return .success(
        LiveFacts.Graphics(
          renderer: capabilities.renderer, isSoftware: capabilities.isSoftware,
          importsDMABufs: capabilities.importsDMABufs,
          importsModifiers: capabilities.importsModifiers))
    } catch {
      return .failure(LiveFacts.GraphicsRefusal("\(error)"))
    }
  }
}

/// A purpose as a user writes it.
struct PurposeArgument: ExpressibleByArgument {
  let purpose: Purpose

  init(_ purpose: Purpose) { self.purpose = purpose }

  init?(argument: String) {
    guard let purpose = Purpose(rawValue: argument) else { return nil }
    self.purpose = purpose
  }

  static var allValueStrings: [String] { Purpose.allCases.map(\.rawValue) }

  var defaultValueDescription: String { purpose.rawValue }
}

/// A host that `--root` names, or this one.
enum CapturedHost {
  static func at(_ root: String?) throws -> HostHardware {
    guard let root else { return HostHardware() }
    guard FileTree.exists("\(root)/sys") else {
      throw Failure(
        "\(root): no captured tree, as there is no \(root)/sys; make one with Scripts/capture-host")
    }
    return HostHardware(root: FilePath(root))
  }
}
