// SPDX-License-Identifier: Apache-2.0

/// Numbers of the agent's protocol (spice-protocol, `spice/vd_agent.h`).
enum AgentWire {
  /// VD_AGENT_PROTOCOL.
  static let version: UInt32 = 1
  /// The port of a chunk from and to a client, and the port of those that belong to a SPICE server.
  static let clientPort: UInt32 = 1
  static let serverPort: UInt32 = 2
  /// The sizes of VDIChunkHeader and VDAgentMessage in bytes.
  static let chunkHeader = 8
  static let messageHeader = 20
  /// VD_AGENT_MAX_DATA_SIZE: the most data that an agent takes in a chunk. A chunk *from* a Linux agent
  /// has a whole message, however long.
  static let mostChunkData = 2048
  /// The most bytes of a clipboard's content.
  static let mostContent = 64 << 20

  enum Kind: UInt32, CaseIterable {
    case mouseState = 1
    case monitorsConfig = 2
    case reply = 3
    case clipboard = 4
    case displayConfig = 5
    case capabilities = 6
    case grab = 7
    case request = 8
    case release = 9
    case fileStart = 10
    case fileStatus = 11
    case fileData = 12
    case clientDisconnected = 13
    case maxClipboard = 14
    case audioVolume = 15
    case graphicsDeviceInfo = 16

    /// The most bytes of such a message that are read. Longer ones are no messages.
    var most: Int {
      switch self {
      case .clipboard: AgentWire.mostContent + 8
      case .fileData: 1 << 20
      case .monitorsConfig, .graphicsDeviceInfo: 1 << 16
      default: 4096
      }
    }
  }
}

/// What a message's fields depend on: the capabilities that both ends have.
struct AgentLayout: Hashable {
  var hasSelections = false
  var hasSerials = false

  init() {}

  init(_ capabilities: AgentCapabilities) {
    hasSelections = capabilities.contains(.clipboardSelection)
    hasSerials = capabilities.contains(.grabSerial)
  }
}

/// A message of the agent's protocol.
enum AgentMessage: Hashable {
  case capabilities(AgentCapabilities, isRequest: Bool)
  case grab(ClipboardSelection, serial: UInt32?, types: [UInt32])
  case request(ClipboardSelection, type: UInt32)
  /// A content; the type 0 means that there is none.
  case clipboard(ClipboardSelection, type: UInt32, [UInt8])
  case release(ClipboardSelection)
  case maxClipboard(Int32)
  case fileStart(id: UInt32, description: [UInt8])
  case fileStatus(id: UInt32, FileStatus)
  case fileData(id: UInt32, [UInt8])
  case monitors([AgentMonitor], flags: UInt32)
  case displayConfig(flags: UInt32, depth: UInt32)
  case mouse(x: UInt32, y: UInt32, buttons: UInt32, display: UInt8)
  case reply(to: UInt32, isSuccess: Bool)
  case clientDisconnected
  /// Known, and of no use here: volume, display devices.
  case other(UInt32)

  /// What became of a file.
  enum FileStatus: Hashable {
    case canSendData
    case cancelled
    /// With G_IO_ERROR's number when the agent tells it.
    case error(code: UInt32?)
    case success
    /// With the bytes that are free when the agent tells them.
    case notEnoughSpace(free: UInt64?)
    case sessionLocked
    case agentNotConnected
    case disabled
    case other(UInt32)
  }

  /// MONITORS_CONFIG's flags.
  static let usesPositions: UInt32 = 1
  static let hasPhysicalSizes: UInt32 = 2
  /// The most monitors that a message has here.
  static let mostMonitors = 64
  /// The most types that a grab has here. Six are known.
  static let mostTypes = 64
}

extension AgentMessage {
  /// Reads a message's body; `nil` for one that is too short or has numbers that nothing can be made of.
  ///
  /// - Parameter body: the bytes after VDAgentMessage.
  init?(_ kind: AgentWire.Kind, _ body: [UInt8], _ layout: AgentLayout) {
    var reader = LittleEndianReader(body[...])
    switch kind {
    case .capabilities:
      guard let request = reader.u32() else { return nil }
      let first = reader.u32() ?? 0
      let second = reader.u32() ?? 0
      self = .capabilities(
        AgentCapabilities(rawValue: UInt64(second) << 32 | UInt64(first)), isRequest: request != 0)
    case .grab:
      guard let selection = reader.selection(layout) else { return nil }
      var serial: UInt32?
      if layout.hasSerials {
        guard let number = reader.u32() else { return nil }
        serial = number
      }
      var types: [UInt32] = []
      while types.count < Self.mostTypes, let type = reader.u32() { types.append(type) }
      self = .grab(selection, serial: serial, types: types)
    case .request:
      guard let selection = reader.selection(layout), let type = reader.u32() else { return nil }
      self = .request(selection, type: type)
    case .release:
      // vdagentd sends a single byte when its session ends.
      let number = layout.hasSelections ? reader.u8() : 0
      guard let selection = number.flatMap(ClipboardSelection.init(rawValue:)) else { return nil }
      self = .release(selection)
    case .clipboard:
      guard let selection = reader.selection(layout), let type = reader.u32() else { return nil }
      self = .clipboard(selection, type: type, Array(reader.rest))
    case .maxClipboard:
      guard let most = reader.u32() else { return nil }
      self = .maxClipboard(Int32(bitPattern: most))
    case .fileStart:
      guard let id = reader.u32() else { return nil }
      self = .fileStart(id: id, description: Array(reader.rest))
    case .fileStatus:
      guard let id = reader.u32(), let result = reader.u32() else { return nil }
      self = .fileStatus(id: id, FileStatus(result, &reader))
    case .fileData:
      guard let id = reader.u32(), let size = reader.u64(), size == reader.rest.count else {
        return nil
      }
      self = .fileData(id: id, Array(reader.rest))
    case .monitorsConfig:
      guard let monitors = Self.monitors(&reader) else { return nil }
      self = monitors
    case .displayConfig:
      guard let flags = reader.u32(), let depth = reader.u32() else { return nil }
      self = .displayConfig(flags: flags, depth: depth)
    case .mouseState:
      guard let x = reader.u32(), let y = reader.u32(), let buttons = reader.u32(),
        let display = reader.u8()
      else { return nil }
      self = .mouse(x: x, y: y, buttons: buttons, display: display)
    case .reply:
      guard let type = reader.u32(), let error = reader.u32() else { return nil }
      self = .reply(to: type, isSuccess: error == 1)
    case .clientDisconnected: self = .clientDisconnected
    case .audioVolume, .graphicsDeviceInfo: self = .other(kind.rawValue)
    }
  }

  private static func monitors(_ reader: inout LittleEndianReader) -> AgentMessage? {
    guard let count = reader.u32(), let flags = reader.u32(), count <= mostMonitors else {
      return nil
    }
    var monitors: [AgentMonitor] = []
    for _ in 0..<count {
      guard let height = reader.u32(), let width = reader.u32(), let depth = reader.u32(),
        let x = reader.u32(), let y = reader.u32()
      else { return nil }
      monitors.append(
        AgentMonitor(
          width: width, height: height, depth: depth, x: Int32(bitPattern: x),
          y: Int32(bitPattern: y)))
    }
    if flags & hasPhysicalSizes != 0 {
      for index in monitors.indices {
        guard let height = reader.u16(), let width = reader.u16() else { return nil }
        monitors[index].widthMillimetres = width
        monitors[index].heightMillimetres = height
      }
    }
    return .monitors(monitors, flags: flags)
  }

  /// The message as bytes: its kind, its fields, and the content that follows them, apart because it is
  /// long.
  func encoded(_ layout: AgentLayout) -> (kind: UInt32, fields: [UInt8], content: [UInt8]) {
    var fields = LittleEndianWriter()
    var content: [UInt8] = []
    let kind: AgentWire.Kind
    switch self {
    case .capabilities(let capabilities, let isRequest):
      kind = .capabilities
      fields.u32(isRequest ? 1 : 0)
      fields.u32(UInt32(truncatingIfNeeded: capabilities.rawValue))
      // An agent takes as many words as there are. It knows no second one.
      if capabilities.rawValue >> 32 != 0 {
        fields.u32(UInt32(truncatingIfNeeded: capabilities.rawValue >> 32))
      }
    case .grab(let selection, let serial, let types):
      kind = .grab
      fields.selection(selection, layout)
      if layout.hasSerials { fields.u32(serial ?? 0) }
      for type in types { fields.u32(type) }
    case .request(let selection, let type):
      kind = .request
      fields.selection(selection, layout)
      fields.u32(type)
    case .clipboard(let selection, let type, let bytes):
      kind = .clipboard
      fields.selection(selection, layout)
      fields.u32(type)
      content = bytes
    case .release(let selection):
      kind = .release
      fields.selection(selection, layout)
    case .maxClipboard(let most):
      kind = .maxClipboard
      fields.u32(UInt32(bitPattern: most))
    case .fileStart(let id, let description):
      kind = .fileStart
      fields.u32(id)
      content = description
    case .fileStatus(let id, let status):
      kind = .fileStatus
      fields.u32(id)
      status.write(to: &fields)
    case .fileData(let id, let bytes):
      kind = .fileData
      fields.u32(id)
      fields.u64(UInt64(bytes.count))
      content = bytes
    case .monitors(let monitors, let flags):
      kind = .monitorsConfig
      fields.monitors(monitors, flags)
    case .displayConfig(let flags, let depth):
      kind = .displayConfig
      fields.u32(flags)
      fields.u32(depth)
    case .mouse(let x, let y, let buttons, let display):
      kind = .mouseState
      for number in [x, y, buttons] { fields.u32(number) }
      fields.u8(display)
    case .reply(let type, let isSuccess):
      kind = .reply
      fields.u32(type)
      fields.u32(isSuccess ? 1 : 2)
    case .clientDisconnected: kind = .clientDisconnected
    case .other(let number): return (number, [], [])
    }
    return (kind.rawValue, fields.bytes, content)
  }
}

extension AgentMessage.FileStatus {
  fileprivate init(_ result: UInt32, _ reader: inout LittleEndianReader) {
    switch result {
    case 0: self = .canSendData
    case 1: self = .cancelled
    case 2:
      // VDAgentFileXferStatusError: the kind 0 is GIO's numbers.
      let code = reader.u8() == 0 ? reader.u32() : nil
      self = .error(code: code)
    case 3: self = .success
    case 4: self = .notEnoughSpace(free: reader.u64())
    case 5: self = .sessionLocked
    case 6: self = .agentNotConnected
    case 7: self = .disabled
    default: self = .other(result)
    }
  }

  fileprivate func write(to fields: inout LittleEndianWriter) {
    switch self {
    case .canSendData: fields.u32(0)
    case .cancelled: fields.u32(1)
    case .error(let code):
      fields.u32(2)
      if let code {
        fields.u8(0)
        fields.u32(code)
      }
    case .success: fields.u32(3)
    case .notEnoughSpace(let free):
      fields.u32(4)
      if let free { fields.u64(free) }
    case .sessionLocked: fields.u32(5)
    case .agentNotConnected: fields.u32(6)
    case .disabled: fields.u32(7)
    case .other(let result): fields.u32(result)
    }
  }
}
