// SPDX-License-Identifier: Apache-2.0

import Glibc
import GuestSession
import HostCheckEGL
import LinuxSystem

/// The trial of a GPU's driver, in a process of its own: this program once more, with one word that no help
/// names. A driver that crashes or hangs takes nothing along there.
enum OpenGLProbe {
  private static let word = "--probe-opengl"
  /// The longest that a driver may take, in seconds.
  private static let patience: UInt32 = 10
  private static let isSlow: Int32 = 3

  /// The trial, for starts of guests.
  static let trial = OpenGLTrial { node in
    guard let program = SystemProgram(at: "/proc/self/exe"),
      let outcome = try? program.run([word, node], limit: 1 << 12)
    else { return .fails("its driver cannot be tried") }
    let reason = String(decoding: outcome.output, as: UTF8.self)
    return switch outcome.end {
    case .exited(EXIT_SUCCESS): .works
    case .exited(isSlow): .isSlow(reason)
    case .killed(SIGALRM): .fails("its driver does not answer")
    case .killed: .fails("its driver crashes")
    default: .fails(reason.isEmpty ? "its driver fails" : reason)
    }
  }

  /// Tries a driver and ends the program, if it was started for that.
  static func runIfAsked() {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, arguments[1] == word else { return }
    alarm(patience)
    let (code, reason) = attempt(arguments[2])
    let text = Array(reason.utf8)
    // Standard output is a file here.
    _ = write(STDOUT_FILENO, text, text.count)
    // Drivers' own work at the end is none of the trial's.
    _exit(code)
  }

  private static func attempt(_ node: String) -> (code: Int32, reason: String) {
    switch OpenGLTrial.inThisProcess(node) {
    case .works: (EXIT_SUCCESS, "")
    case .isSlow(let reason): (isSlow, reason)
    case .fails(let reason): (EXIT_FAILURE, reason)
    }
  }
}
