// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// How far a measurement is, on a terminal's last line.
@MainActor
final class BenchProgress {
  private let begin = MonotonicInstant.now
  private let seconds: Double
  private var shown = ""

  /// `nil` where nobody looks on.
  init?(seconds: Double) {
    guard isatty(STDERR_FILENO) != 0 else { return nil }
    self.seconds = seconds
  }

  /// To be called now and then.
  func show() {
    let passed = min(MonotonicInstant.now.seconds(since: begin), seconds)
    let line = "measuring: \(Int(passed)) of \(Int(seconds.rounded(.up))) s"
    guard line != shown else { return }
    shown = line
    // To the line's beginning, and the rest of it erased.
    StandardError.draw("\r\(line)\u{1B}[K")
  }

  /// At the end.
  func clear() { StandardError.draw("\r\u{1B}[K") }
}
