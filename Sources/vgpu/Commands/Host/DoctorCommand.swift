// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import ErrorKinds
import HostCheck
import HostCheckEGL
import HostDevices
import LinuxSystem
import SystemPackage

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check whether this host is ready for guests with a vGPU, a whole GPU or QEMU's own.",
    discussion: """
      For each check, the doctor prints a fact, the reason for the check, the fix and the documentation. \
      The doctor changes nothing. Run the doctor as root to see everything.

      The exit code is 0 when the host is ready, and \(ExitReason.notReady.rawValue) when it is not.
      """)

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp(
      """
      Check for this purpose. virtio: QEMU's own GPU. gvt-g: slices of an Intel GPU. igd: a whole Intel \
      GPU. gpu: a whole graphics card. sriov: virtual functions (SR-IOV) of a GPU. nvidia: vGPUs of an \
      NVIDIA GPU. (default: what this host's GPUs offer, else gvt-g)
      """,
      valueName: "purpose"))
  var purpose: PurposeArgument?

  @Option(
    help: ArgumentHelp(
      "Check for this device. (default: the first suitable one)", valueName: "address"),
    completion: .functions)
  var device: String?

  @Option(
    help: ArgumentHelp(
      "Check for a guest with this much memory, such as 4096 or 4G.", valueName: "size"))
  var memory = MemorySize(mebibytes: 4096)

  @Option(help: ArgumentHelp("Use this QEMU.", valueName: "program"), completion: .file())
  var qemu = "qemu-system-x86_64"

  @Option(
    help: ArgumentHelp(
      "Read a folder of Scripts/capture-host instead of this host.", valueName: "folder"),
    completion: .directory)
  var root: String?

  @Flag(
    help: """
      Print a shell script with the harmless fixes. The script adds lines to files named vgpu-doctor \
      below /etc, and changes no other file.
      """)
  var fix = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    if fix, output.json {
      throw ValidationError("--fix and --json: both print to standard output; give one of them")
    }
    if let device { _ = try PCIAddressArguments.address(device) }
  }

  func run() throws {
    let host = try CapturedHost.at(root)
    let report = HostReport(
      of: host, for: purpose?.purpose ?? .suitable(for: host),
      device: try device.map(PCIAddressArguments.address), guestMemory: memory.mebibytes,
      live: root == nil ? LiveFacts(qemu: qemu) : nil)
    if fix {
      try print(report.script)
    } else if output.json {
      try print(report.json)
    } else {
      // The report has made its findings plain; its colours would be lost in `print`.
      try OutputFile.write(
        Array((report.text(isColoured: Self.isTerminal) + "\n").utf8), to: "-")
    }
    if !report.isGood { throw ExitCode(ExitReason.notReady.rawValue) }
  }

  /// https://no-color.org
  private static var isTerminal: Bool {
    isatty(STDOUT_FILENO) != 0 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
      && getenv("TERM").map { String(cString: $0) } != "dumb"
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

  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}

/// A host that `--root` names, or this one.
enum CapturedHost {
  static func at(_ root: String?) throws -> HostHardware {
    guard let root else { return HostHardware() }
    guard FileTree.exists("\(root)/sys") else {
      throw Failure(
        "\(root): no captured host, because \(root)/sys is missing; make one with Scripts/capture-host",
        .notFound)
    }
    return HostHardware(root: FilePath(root))
  }
}
