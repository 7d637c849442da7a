// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import ErrorKinds
import Glibc
import GuestAgent
import Guests
import LinuxSystem
import SafeText

struct CopyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy",
    abstract: "Copy files into a guest.",
    discussion: """
      The guest's agent (spice-vdagent) writes the files into its folder: the folder of downloads, or the \
      desktop of Windows. It gives another name to a file whose name exists there. No SPICE is needed: vgpu \
      speaks to the agent's port (`vgpu info TARGET`). The port serves one program at a time.

      Folders go with their files to Linux guests. Windows' agent takes no folders.

      Ctrl-C cancels: the guest removes the files that are not complete.

        vgpu copy report.pdf UUID:
        vgpu copy photos/ notes.txt libvirt:linux:
      """)

  @Argument(
    help: ArgumentHelp(
      "Copy these files and folders; end with the guest and a colon (TARGET:).",
      valueName: "file ... target:"),
    completion: .file())
  var words: [String]

  @OptionGroup var agent: AgentOption

  @Option(
    help: ArgumentHelp("Wait at most this long for the guest's agent.", valueName: "seconds"))
  var timeout = 10.0

  @OptionGroup var output: JSONOption

  func validate() throws {
    _ = try target()
    guard words.count > 1 else { throw ValidationError("name a file, and then TARGET:") }
    guard timeout >= 0, timeout <= 86400 else {
      throw ValidationError("--timeout \(timeout): give 0 to 86400 seconds")
    }
  }

  private func target() throws -> Target {
    let last = words.last ?? ""
    guard last.hasSuffix(":"), let target = Target(String(last.dropLast())) else {
      throw ValidationError(
        """
        \(last): name the guest with a colon at the end, such as UUID: or libvirt:NAME:; the guest's \
        agent chooses the folder
        """)
    }
    return target
  }

  func run() throws {
    let files = try AgentFile.gather(words.dropLast())
    guard !files.isEmpty else {
      throw Failure("\(words[0]): no files in it; name files to copy", .notFound)
    }
    let target = try target()
    let guest = Guest(target, agentSocket: agent.agent)
    let connector = try guest.agentConnector(try guest.look())
    let client = try AgentClient(owning: connector.connect(), name: connector.name)
    // The guest removes what is not complete when it is told of the end.
    defer { waiting { await client.closeAndWait() } }
    let patience = timeout
    let state = waiting { await client.stateAfterWaiting(atMost: .seconds(patience)) }
    guard state.capabilities != nil else { throw Self.missing(state, at: connector.name) }
    let meter = CopyMeter()
    let transfer = client.send(files) { meter.show($0) }
    let interrupts = InterruptWatch { transfer.cancel() }
    let outcomes = waiting { await transfer.outcomes() }
    meter.end()
    interrupts.end()
    try report(outcomes, transfer.progress, wasCancelled: interrupts.hasCome)
  }

  private static func missing(_ state: AgentState, at port: String) -> Failure {
    if case .unavailable(let reason) = state { return Failure(reason, .notRunning) }
    if state == .closed {
      return Failure("\(port): QEMU has closed the port; is the guest running?", .notRunning)
    }
    return Failure(
      """
      \(port): no agent answers; start spice-vdagent in the guest, and log in there; or end the \
      program of the host that has the port
      """, .notRunning)
  }

  private func report(
    _ outcomes: [FileTransfer.Outcome], _ progress: FileTransfer.Progress, wasCancelled: Bool
  ) throws {
    if output.json {
      try print(JSONOutput.text(CopyReport(outcomes, progress)))
    }
    let failures = outcomes.filter { $0.error != nil && $0.error != .cancelled }
    // Many files fail for one reason as a rule.
    for failure in failures.prefix(10) {
      StandardError.write("vgpu: \(failure.error.map { "\($0)" } ?? "")")
    }
    if failures.count > 10 { StandardError.write("vgpu: and \(failures.count - 10) more") }
    let seconds = MonotonicInstant.now.seconds(since: progress.start)
    let sum = "\(progress.filesDone) of \(progress.filesTotal) files copied"
    if wasCancelled { throw Failure("cancelled: \(sum)") }
    if let error = failures.first?.error { throw Failure(sum, error.errorClass) }
    StandardError.write(
      "vgpu: \(sum), \(ByteCount.text(progress.bytesSent)) in \(CopyMeter.time(seconds))")
  }
}

/// What `vgpu copy --json` prints.
private struct CopyReport: Encodable {
  private let files: [File]
  private let filesDone: Int
  private let bytesSent: UInt64
  private let seconds: Double

  private struct File: Encodable {
    let path: String
    let isCopied: Bool
    /// Why not.
    @OrNull var reason: String?
  }

  init(_ outcomes: [FileTransfer.Outcome], _ progress: FileTransfer.Progress) {
    files = outcomes.map {
      File(path: $0.file.path, isCopied: $0.error == nil, reason: $0.error.map { "\($0)" })
    }
    filesDone = progress.filesDone
    bytesSent = progress.bytesSent
    seconds = MonotonicInstant.now.seconds(since: progress.start)
  }
}

/// Shows on a terminal how far a transfer is.
private struct CopyMeter: Sendable {
  private let isTerminal = isatty(STDERR_FILENO) == 1

  func show(_ progress: FileTransfer.Progress) {
    guard isTerminal else { return }
    var text = "\(progress.filesDone) of \(progress.filesTotal) files, "
    text += "\(ByteCount.text(progress.bytesSent)) of \(ByteCount.text(progress.bytesTotal)), "
    text += "\(ByteCount.text(UInt64(progress.bytesPerSecond())))/s"
    if let left = progress.secondsLeft() { text += ", \(Self.time(left)) left" }
    // The line is drawn over the one before.
    StandardError.draw("\r\u{1B}[K\(text)")
  }

  func end() { if isTerminal { StandardError.draw("\r\u{1B}[K") } }

  static func time(_ seconds: Double) -> String {
    guard seconds >= 60 else { return "\((seconds * 10).rounded() / 10) s" }
    let whole = Int(min(seconds, 1e9))
    let rest = whole % 60
    return "\(whole / 60):\(rest < 10 ? "0" : "")\(rest) min"
  }
}
