// SPDX-License-Identifier: Apache-2.0

/// A bridge's version and limits.
public struct Welcome: Hashable, Sendable {
  /// The version that both sides speak from now on.
  public var version: UInt16
  /// How many buffers a client may hold.
  public var buffers: UInt32
  /// How many messages of a client the bridge answers in a second; further messages wait.
  public var messagesPerSecond: UInt32
  /// How many bytes the buffers that a client holds may have together.
  public var bytes: UInt64

  /// Makes a welcome from its parts.
  public init(version: UInt16, buffers: UInt32, messagesPerSecond: UInt32, bytes: UInt64) {
    self.version = version
    self.buffers = buffers
    self.messagesPerSecond = messagesPerSecond
    self.bytes = bytes
  }

  static let blank = Welcome(version: 0, buffers: 0, messagesPerSecond: 0, bytes: 0)

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    try fields.constant(WireConstants.magic, "magic")
    try fields.number(&version, "version")
    try fields.check(version > 0, "version")
    try fields.reserved(UInt16.self)
    try fields.number(&buffers, "limit")
    try fields.number(&messagesPerSecond, "limit")
    try fields.number(&bytes, "limit")
    try fields.check(buffers > 1 && messagesPerSecond > 0 && bytes > 0, "limit")
  }
}

/// An entry of the list of vGPUs that a client may see.
public struct ListedVGPU: Hashable, Sendable {
  /// Its place in the list, from 0.
  public var index: UInt32
  /// How many there are.
  public var count: UInt32
  /// The vGPU.
  public var identifier: VGPUIdentifier
  /// Clients that have opened the vGPU.
  public var viewers: UInt32
  /// Whether the client may ask for another size.
  public var canResize: Bool
  /// LOOKs that were answered.
  public var looks: UInt64
  /// Looks at the guest for these answers.
  public var polls: UInt64
  /// Times that the guest showed another buffer than before.
  public var flips: UInt64
  /// Buffers sent.
  public var buffers: UInt64
  /// The vGPU's name, 64 bytes at most.
  public var name: String

  /// Makes an entry from its parts.
  public init(
    index: UInt32, count: UInt32, identifier: VGPUIdentifier, viewers: UInt32, canResize: Bool,
    looks: UInt64, polls: UInt64, flips: UInt64, buffers: UInt64, name: String
  ) {
    self.index = index
    self.count = count
    self.identifier = identifier
    self.viewers = viewers
    self.canResize = canResize
    self.looks = looks
    self.polls = polls
    self.flips = flips
    self.buffers = buffers
    self.name = name
  }

  static let blank = ListedVGPU(
    index: 0, count: 0, identifier: .only, viewers: 0, canResize: false, looks: 0, polls: 0,
    flips: 0, buffers: 0, name: "")

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    try fields.number(&index, "index")
    try fields.number(&count, "count")
    try fields.check(index < count, "index")
    try fields.identifier(&identifier, "identifier")
    try fields.number(&viewers, "viewers")
    try fields.flag(&canResize, "flags")
    try fields.number(&looks, "looks")
    try fields.number(&polls, "polls")
    try fields.number(&flips, "flips")
    try fields.number(&buffers, "buffers")
    try fields.text(&name, length: WireConstants.nameLength, "name")
  }
}

/// The vGPU that a client has chosen.
public struct OpenedVGPU: Hashable, Sendable {
  /// The vGPU.
  public var identifier: VGPUIdentifier
  /// Whether the client may ask for another size.
  public var canResize: Bool
  /// The greatest width that a client can ask for, in pixels; 0 when the bridge does not know.
  public var maximumWidth: UInt32
  /// The greatest height that a client can ask for, in pixels; 0 when the bridge does not know.
  public var maximumHeight: UInt32
  /// The vGPU's name, 64 bytes at most.
  public var name: String

  /// Makes an answer from its parts.
  public init(
    identifier: VGPUIdentifier, canResize: Bool, maximumWidth: UInt32, maximumHeight: UInt32,
    name: String
  ) {
    self.identifier = identifier
    self.canResize = canResize
    self.maximumWidth = maximumWidth
    self.maximumHeight = maximumHeight
    self.name = name
  }

  static let blank = OpenedVGPU(
    identifier: .only, canResize: false, maximumWidth: 0, maximumHeight: 0, name: "")

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    try fields.identifier(&identifier, "identifier")
    try fields.flag(&canResize, "flags")
    try fields.number(&maximumWidth, "width")
    try fields.number(&maximumHeight, "height")
    try fields.reserved(UInt32.self)
    try fields.text(&name, length: WireConstants.nameLength, "name")
  }
}

/// A bridge's work since its start.
public struct BridgeCounters: Hashable, Sendable {
  /// Clients that are connected.
  public var clients: UInt32 = 0
  /// vGPUs that are looked at.
  public var vGPUs: UInt32 = 0
  /// Connections taken.
  public var connections: UInt64 = 0
  /// Connections that were refused.
  public var refused: UInt64 = 0
  /// Clients that were thrown out: for malformed messages, for too many, or because they did not read.
  public var expelled: UInt64 = 0
  /// Messages read.
  public var messages: UInt64 = 0
  /// Messages that made no sense.
  public var malformed: UInt64 = 0
  /// Times that a client sent more than its rate and had to wait.
  public var throttled: UInt64 = 0
  /// Answers that had to wait because the client did not read.
  public var postponed: UInt64 = 0
  /// Messages that came with descriptors; the bridge took none of these descriptors.
  public var strayDescriptors: UInt64 = 0

  /// All zero.
  public init() {}

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    try fields.number(&clients, "clients")
    try fields.number(&vGPUs, "vGPUs")
    try fields.number(&connections, "connections")
    try fields.number(&refused, "refused")
    try fields.number(&expelled, "expelled")
    try fields.number(&messages, "messages")
    try fields.number(&malformed, "malformed")
    try fields.number(&throttled, "throttled")
    try fields.number(&postponed, "postponed")
    try fields.number(&strayDescriptors, "strayDescriptors")
  }
}
