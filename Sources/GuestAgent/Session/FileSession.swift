// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A file on its way to the guest, as the protocol sees it.
struct FileInProgress {
  enum Stage {
    /// The guest has not said whether it takes the file.
    case asked
    /// The guest takes it.
    case sending
    /// All was sent; the guest has not said that it has written it.
    case sent
  }

  let name: String
  let size: UInt64
  var stage = Stage.asked
  var sent: UInt64 = 0
  /// When the guest's answer is overdue; `nil` when it is the host's turn.
  var deadline: MonotonicInstant?
}

extension AgentSession {
  /// Tells the guest of a file.
  ///
  /// - Parameters:
  ///   - id: a number that no other file has.
  ///   - name: cleaned, with slashes between folders.
  ///   - number: the place among all files that are sent together, from 1, and their count. An agent
  ///     opens its folder of downloads after the last one.
  mutating func startFile(
    _ id: UInt32, name: String, size: UInt64, number: (Int, of: Int), now: MonotonicInstant
  ) {
    guard let capabilities else {
      return act(
        .file(id, .ended(.failure(.notConnected("it has not announced itself")))))
    }
    guard !capabilities.contains(.filesDisabled) else {
      return act(.file(id, .ended(.failure(.refused(file: name, .disabled)))))
    }
    files[id] = FileInProgress(
      name: name, size: size, deadline: now.advanced(by: Self.patience))
    send(
      .fileStart(
        id: id,
        description: FileDescription(name: name, size: size, number: number.0, of: number.of).bytes)
    )
  }

  /// A piece of a file is on its way.
  mutating func fileSent(_ id: UInt32, _ count: Int, now: MonotonicInstant) {
    guard var file = files[id] else { return }
    file.sent += UInt64(count)
    if file.sent >= file.size {
      file.stage = .sent
      file.deadline = now.advanced(by: Self.filePatience)
    }
    files[id] = file
  }

  /// Ends a file from this side.
  mutating func endFile(
    _ id: UInt32, _ result: Result<Void, AgentError>, tellsGuest: Bool
  ) {
    guard files.removeValue(forKey: id) != nil else { return }
    if tellsGuest { send(.fileStatus(id: id, .cancelled)) }
    act(.file(id, .ended(result)))
  }

  mutating func fileAnswered(
    _ id: UInt32, _ status: AgentMessage.FileStatus, now: MonotonicInstant
  ) {
    guard let file = files[id] else { return }
    func refuse(_ refusal: FileRefusal) -> Result<Void, AgentError> {
      .failure(.refused(file: file.name, refusal))
    }
    let result: Result<Void, AgentError>
    switch status {
    case .canSendData:
      guard file.stage == .asked else { return }
      files[id]?.stage = .sending
      files[id]?.deadline = nil
      return act(.file(id, .maySend))
    case .success:
      // A guest that has it before it can have it lies.
      result = file.stage == .sent ? .success(()) : refuse(.failed(code: nil))
    case .cancelled: result = refuse(.cancelled)
    case .error(let code): result = refuse(.failed(code: code))
    case .notEnoughSpace(let free): result = refuse(.notEnoughSpace(free: free))
    case .sessionLocked: result = refuse(.sessionLocked)
    case .agentNotConnected: result = refuse(.noSession)
    case .disabled: result = refuse(.disabled)
    case .other(let number): result = refuse(.other(number))
    }
    endFile(id, result, tellsGuest: false)
  }
}

/// What an agent is told of a file: a key file of GLib's.
struct FileDescription {
  let name: String
  let size: UInt64
  let number: Int
  let of: Int

  /// The text, with a zero at its end. Windows' agent knows no escapes, and its names have nothing that
  /// needs one.
  var bytes: [UInt8] {
    let escaped = name.replacing("\\", with: "\\\\")
    let text = """
      [vdagent-file-xfer]
      name=\(escaped.hasPrefix(" ") ? "\\s" + escaped.dropFirst() : escaped)
      size=\(size)
      file-xfer-nr=\(number)
      file-xfer-total=\(of)

      """
    return Array(text.utf8) + [0]
  }
}
