// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
import SafeText

/// Why a guest's agent did not do something. Each case's description is one line for a person.
@nonexhaustive
public enum AgentError: Error, Hashable, Sendable {
  /// No agent is connected; the text is the reason.
  case notConnected(String)
  /// This side has closed the connection.
  case closed
  /// The agent does not have the function, such as a second clipboard.
  case unsupported(String)
  /// The guest's clipboard is empty, or has no content in this form.
  case noContent
  /// The content is larger than `limit` bytes.
  case tooLarge(limit: Int)
  /// The agent did not answer in time.
  case noAnswer
  /// The agent has ended or started again meanwhile, or its port was closed.
  case interrupted
  /// Too many requests wait already.
  case tooMany
  /// It was cancelled here.
  case cancelled
  /// The guest did not take a file.
  case refused(file: String, FileRefusal)
  /// A file of the host's cannot be sent.
  case file(String, reason: String)
  /// The kernel refused a system call.
  case system(SystemCallError)
}

/// Why a guest did not take a file.
@nonexhaustive
public enum FileRefusal: Hashable, Sendable {
  /// Somebody in the guest has cancelled it, or the session has ended.
  case cancelled
  /// The agent could not write it; with a number of GIO's (G_IO_ERROR) when the agent tells it.
  case failed(code: UInt32?)
  /// The guest's disk is full; with the free bytes when the agent tells them.
  case notEnoughSpace(free: UInt64?)
  /// The guest's screen is locked.
  case sessionLocked
  /// Nobody is logged in at the guest's screen.
  case noSession
  /// The guest is set up to take no files.
  case disabled
  /// A result that this library does not know.
  case other(UInt32)
}

extension AgentError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .notConnected, .closed, .interrupted, .noAnswer: .notRunning
    case .unsupported: .unsupported
    case .noContent: .notFound
    case .tooLarge: .argument
    case .tooMany: .busy
    case .cancelled: .other
    case .refused(_, .sessionLocked), .refused(_, .noSession): .busy
    case .refused(_, .disabled): .notPermitted
    case .refused: .other
    case .file: .argument
    case .system(let error): error.errorClass
    }
  }
}

extension AgentError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notConnected(let reason): "the guest's agent is not connected: \(reason)"
    case .closed: "the connection to the guest's agent was closed here; make a new one"
    case .unsupported(let what): "the guest's agent has no \(what); install a newer spice-vdagent"
    case .noContent: "the guest's clipboard has no such content; copy it again in the guest"
    case .tooLarge(let limit): "the content is larger than \(limit >> 20) MiB; send it as a file"
    case .noAnswer: "the guest's agent does not answer; is the guest stopped or overloaded?"
    case .interrupted: "the guest's agent has ended or started again meanwhile; try again"
    case .tooMany: "too many requests wait for the guest's agent; try again later"
    case .cancelled: "cancelled"
    case .refused(let file, let refusal): "\(PlainText.line(file)): \(refusal)"
    case .file(let path, let reason): "\(PlainText.line(path)): \(reason)"
    case .system(let error): "\(error)"
    }
  }
}

extension FileRefusal: CustomStringConvertible {
  /// Cause and remedy.
  public var description: String {
    switch self {
    case .cancelled: "the guest has cancelled it"
    case .failed(let code?):
      "the guest's agent could not write it (GIO error \(code)); see the guest's journal"
    case .failed(nil):
      """
      the guest's agent could not write it; is the guest's disk full, or the folder of downloads \
      missing?
      """
    case .notEnoughSpace(let free?):
      "the guest's disk is full: \(free >> 20) MiB are free; make room there"
    case .notEnoughSpace(nil): "the guest's disk is full; make room there"
    case .sessionLocked: "the guest's screen is locked; unlock it"
    case .noSession: "nobody is logged in at the guest's screen; log in there"
    case .disabled: "the guest takes no files; allow them in its agent's settings"
    case .other(let number): "the guest's agent answered \(number)"
    }
  }
}
