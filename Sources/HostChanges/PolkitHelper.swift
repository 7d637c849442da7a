// SPDX-License-Identifier: Apache-2.0

import ErrorKinds
import Glibc
public import HostDevices
package import LinuxSystem

/// The way to root's rights by polkit: pkexec(1) asks polkit, polkit asks the person or its rules, and
/// pkexec runs a helper as root that knows the changes of `HostChange` and nothing else.
///
/// polkit knows each kind of change as an action of its own, `io.github.swift_vgpu.vgpu.create` and so on
/// (System/vgpu.policy).
public struct PolkitHelper: Sendable {
  /// The helper's name.
  static let name = "vgpu-helper"
  /// Where `Scripts/install` and packages put it: only root can write there.
  private static let folders = ["/usr/libexec", "/usr/local/libexec"]

  private let pkexec: SystemProgram
  private let helper: SystemProgram

  /// The helper of this machine; `nil` when it, or pkexec, is not installed.
  public static var installed: PolkitHelper? {
    guard let pkexec = SystemProgram("pkexec"), let helper = SystemProgram(name, in: folders)
    else { return nil }
    return PolkitHelper(pkexec: pkexec, helper: helper)
  }

  package init(pkexec: SystemProgram, helper: SystemProgram) {
    self.pkexec = pkexec
    self.helper = helper
  }

  /// Has the helper carry a change out. The person is asked by the desktop's polkit agent, or by pkexec on
  /// the terminal. The caller waits as long as the person does.
  ///
  /// - Throws: `HostChangeError.helper`.
  public func carryOut(_ change: HostChange) throws(HostChangeError) -> HostChange.Outcome {
    let outcome: SystemProgram.Outcome
    do throws(SystemCallError) {
      outcome = try pkexec.run(
        [helper.path] + ChangeWords(change).words, limit: 1 << 20, onTerminal: true)
    } catch {
      throw .helper(.notStarted(error.description))
    }
    let lines = String(decoding: outcome.errors, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map(String.init)
    switch outcome.end {
    case .exited(0):
      guard let read = OutcomeLines.outcome(in: outcome.output) else {
        throw .helper(.malformed("its answer is not understood"))
      }
      return read
    case .exited(126): throw .helper(.dismissed)
    case .exited(127): throw .helper(.notAuthorized(Self.reason(lines)))
    case .exited(let code):
      guard let line = lines.last else {
        throw .helper(.malformed("it ended with code \(code) and said nothing"))
      }
      throw .helper(.failed(line, code: code))
    case .killed(let signal): throw .helper(.malformed("signal \(signal) ended it"))
    }
  }

  /// pkexec's own reason, without the words around it.
  private static func reason(_ lines: [String]) -> String {
    let line = lines.first { !$0.hasPrefix("==== ") } ?? "it does not say why"
    for prefix in ["Error executing command as another user: ", "Error executing "]
    where line.hasPrefix(prefix) {
      return String(line.dropFirst(prefix.count))
    }
    return line
  }
}

extension HostChange {
  /// Carries the change out: with this process's rights, and otherwise by the helper. A user who may
  /// write to a driver's files needs no helper, and root never does.
  ///
  /// - Parameters:
  ///   - host: the host's devices.
  ///   - helper: `nil` for nobody, so that a user without rights gets the kernel's own reason.
  /// - Throws: `HostChangeError`.
  public func carryOut(
    on host: HostHardware = HostHardware(), asking helper: PolkitHelper?
  ) throws(HostChangeError) -> Outcome {
    guard let helper, isForHelper, geteuid() != 0 else { return try carryOut(on: host) }
    try checkNames(on: host)
    guard isPossibleForUsers(on: host) else { return try helper.carryOut(self) }
    do throws(HostChangeError) {
      return try carryOut(on: host)
    } catch {
      guard error.errorClass.kind == .notPermitted else { throw error }
      return try helper.carryOut(self)
    }
  }
}
