// SPDX-License-Identifier: Apache-2.0

import ErrorKinds
import Foundation
import HostDevices
import LinuxSystem
import TestSupport
import Testing

@testable import HostChanges

/// What becomes of pkexec's and the helper's ends; pkexec and polkit themselves run in the rig
/// (Rig/inside/check-helper).
@Suite struct HelperTests {
  private let tree: SysfsTree
  private let change = HostChange.remove(.mdev(MdevUUID(high: 1, low: 2)))

  init() throws { tree = try SysfsTree() }

  /// A pkexec of a shell's that notes what it is asked.
  private func helper(_ body: String) throws -> PolkitHelper {
    try tree.folder("/bin")
    try Program.write(
      "#!/bin/sh\necho \"$*\" >>'\(tree.location("/asked"))'\n\(body)\n",
      to: tree.location("/bin/pkexec"))
    let path = tree.location("/bin/pkexec")
    return PolkitHelper(
      pkexec: try #require(SystemProgram(at: path)), helper: try #require(SystemProgram(at: path)))
  }

  @Test func answerIsRead() throws {
    let uuid = MdevUUID(high: 1, low: 2)
    let helper = try helper(
      """
      echo 'made \(uuid)'; echo 'made 0000:03:02.1'; echo 'binding 0000:03:02.1//vfio-pci'
      """)
    let outcome = try helper.carryOut(change)
    #expect(outcome.made.map(\.busName) == ["\(uuid)", "0000:03:02.1"])
    #expect(outcome.bindings.map(\.after) == ["vfio-pci"])
    let asked = try String(contentsOfFile: tree.location("/asked"), encoding: .utf8)
    #expect(asked == "\(tree.location("/bin/pkexec")) remove device=mdev:\(uuid)\n")
  }

  /// Some drivers' names have spaces.
  @Test func outcomeIsItsText() throws {
    let address = try #require(PCIAddress("0000:03:02.1"))
    let outcome = HostChange.Outcome(
      made: [.mdev(MdevUUID(high: 3, low: 4)), .pci(address)],
      bindings: [
        PCIBinding(address: address, before: "a driver of old", after: nil),
        PCIBinding(address: address, before: nil, after: "vfio-pci"),
      ])
    #expect(OutcomeLines.outcome(in: Array(OutcomeLines.text(of: outcome).utf8)) == outcome)
    #expect(OutcomeLines.outcome(in: []) == HostChange.Outcome())
  }

  @Test func refusalsSayWhatToDo() throws {
    func refusal(_ body: String) throws -> HostChangeError {
      let helper = try helper(body)
      return try #require(throws: HostChangeError.self) { try helper.carryOut(change) }
    }
    let dismissed = try refusal("exit 126")
    #expect(dismissed == .helper(.dismissed))
    #expect(dismissed.errorClass == .notPermitted)
    let unauthorized = try refusal(
      """
      echo '==== AUTHENTICATING FOR x ====' >&2
      echo 'Error executing command as another user: Not authorized' >&2
      echo >&2; echo 'This incident has been reported.' >&2; exit 127
      """)
    #expect(unauthorized == .helper(.notAuthorized("Not authorized")))
    #expect(unauthorized.errorClass == .notPermitted)
    #expect("\(unauthorized)".hasPrefix("polkit: Not authorized; run it as root, or "))
    #expect(try refusal("exit 127") == .helper(.notAuthorized("it does not say why")))
    // The helper's own words, and its kind of failure.
    let failed = try refusal("echo 'a warning' >&2; echo 'mdev 1: in use' >&2; exit 75")
    #expect(failed == .helper(.failed("mdev 1: in use", code: 75)))
    #expect("\(failed)" == "mdev 1: in use" && failed.errorClass == .busy)
    for body in [
      "exit 1", "kill -9 $$", "echo '{}'", "echo made", "echo made x", "echo made 0000:03:02.1 x",
      "echo binding 0000:03:02.1/", "echo binding x//vfio-pci", "echo binding 0000:03:02.1//../x",
    ] {
      let error = try refusal(body)
      guard case .helper(.malformed) = error else {
        Issue.record("\(body): \(error)")
        continue
      }
      #expect("\(error)".contains("Install both anew"), "\(error)")
    }
  }

  @Test func exitCodesSayTheKind() {
    for kind in ErrorClass.Kind.allCases {
      #expect(ErrorClass.Kind(exitCode: kind.exitCode) == kind)
    }
    #expect(ErrorClass.Kind(exitCode: 3) == .other)
  }

  // MARK: The helper itself

  private static let program = CLibraries.products.appendingPathComponent("vgpu-helper").path

  @Test func helperTakesChangesAlone() throws {
    for words in [[], ["--help"], ["create"], ["bind", "driver=xhci_hcd", "address=0000:00:01.0"]] {
      let answer = try Program.run([Self.program] + words)
      #expect(answer.code == 64, "\(words): \(answer.text)")
      #expect(answer.text.hasPrefix("vgpu-helper: "), "\(answer.text)")
      #expect(answer.text.split(separator: "\n").count == 1)
    }
    let unknown = try Program.run(
      [Self.program] + ChangeWords(.remove(.mdev(MdevUUID(high: 1, low: 2)))).words)
    #expect(unknown.code == 66, "\(unknown.text)")
    #expect(unknown.text.contains("no such mdev"), "\(unknown.text)")
  }

  /// Its caller's limits, timers, signals and closed descriptors are no way to interrupt it.
  @Test func helperIsNotInterrupted() throws {
    let trace = tree.location("/trace")
    let answer = try Program.run([
      "bash", "-c",
      """
      trap '' CHLD
      ulimit -S -f 10000 -t 60 -n 64
      umask 077
      exec strace -o "$1" -e trace=rt_sigaction,prlimit64,umask,chdir,openat,close_range \\
        sh -c 'exec "$0" restore address=0000:ff:1f.7 >&-' "$2"
      """, "bash", trace, Self.program,
    ])
    #expect(answer.code == 66, "\(answer.text)")
    let calls = try String(contentsOfFile: trace, encoding: .utf8)
    // The last word counts: Swift's runtime and the C library may set handlers before.
    let ignored = ["HUP", "INT", "QUIT", "TERM", "TSTP", "TTIN", "ALRM", "PIPE", "XFSZ", "XCPU"]
    for name in ignored {
      let last = calls.split(separator: "\n").last { $0.contains("rt_sigaction(SIG\(name), {") }
      #expect(last?.contains("SIG_IGN") == true, "\(name): \(last ?? "")")
    }
    let child = calls.split(separator: "\n").last { $0.contains("rt_sigaction(SIGCHLD, {") }
    #expect(child?.contains("SIG_DFL") == true, "\(child ?? "")")
    #expect(calls.contains("prlimit64(0, RLIMIT_FSIZE, {rlim_cur=RLIM64_INFINITY"))
    let opened = calls.split(separator: "\n").last { $0.contains("\"/dev/null\", O_RDWR)") }
    #expect(opened?.hasSuffix(" = 1") == true, "\(opened ?? "")")
    #expect(calls.contains("close_range(3, 4294967295, 0)"))
    #expect(calls.contains("umask(022)") && calls.contains("chdir(\"/\")"))
  }
}
