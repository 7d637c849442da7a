// SPDX-License-Identifier: Apache-2.0

import BridgeServer
import Logging
import SafeText
import SystemPackage

/// Writes a log to standard error, a line each: with the journal's priorities (sd-daemon(3)) where it
/// goes there, else as programs speak.
struct JournalLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level

  private let hasPriorities: Bool
  private let program: String

  /// - Parameter program: what its lines begin with, where there is no journal.
  init(
    program: String, level: Logger.Level, hasPriorities: Bool = ServiceManager.hasJournal
  ) {
    self.program = program
    logLevel = level
    self.hasPriorities = hasPriorities
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    // Whatever clients and guests are called stays in its line.
    let text = PlainText.line("\(event.message)")
    let line = hasPriorities ? "<\(Self.priority(event.level))>\(text)\n" : "\(program): \(text)\n"
    // Nobody is left to be told that it cannot be told.
    _ = try? FileDescriptor.standardError.writeAll(Array(line.utf8))
  }

  /// syslog(3)'s numbers.
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
