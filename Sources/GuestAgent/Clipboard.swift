// SPDX-License-Identifier: Apache-2.0

/// Which clipboard (`VD_AGENT_CLIPBOARD_SELECTION_*`).
public enum ClipboardSelection: UInt8, CaseIterable, Hashable, Sendable {
  /// What Copy and Paste use. A guest without others, such as Windows, has this one.
  case clipboard = 0
  /// What was marked last, on X11 and some Wayland desktops.
  case primary = 1
  /// X11's third selection, which hardly anybody uses.
  case secondary = 2
}

/// The form of a clipboard's content (`VD_AGENT_CLIPBOARD_*`).
public enum ClipboardType: UInt32, CaseIterable, Hashable, Sendable {
  /// Text in UTF-8. Lines end with a line feed on this side, whatever the guest has.
  case text = 1
  /// A picture as PNG.
  case png = 2
  /// A picture as BMP, which Windows has.
  case bmp = 3
  /// A picture as TIFF.
  case tiff = 4
  /// A picture as JPEG.
  case jpeg = 5
  /// Files by their paths on a WebDAV server, which this library does not serve.
  case fileList = 6
}

/// What a guest has in a clipboard.
public struct GuestClipboard: Hashable, Sendable {
  /// The forms in which the guest would send it, in the guest's order.
  public let types: [ClipboardType]
  /// Another number for each copy in the guest.
  public let generation: UInt64
}

/// What the host has in a clipboard. The content is asked for only when the guest pastes it.
public struct ClipboardOffer: Sendable {
  /// The forms in which the content can be had, best first.
  public let types: [ClipboardType]
  /// Has the content in a form; `nil` when it cannot be had any more. Called in a task of its own, once for
  /// each time that the guest pastes.
  public let content: @Sendable (ClipboardType) async -> [UInt8]?

  /// Makes an offer.
  ///
  /// - Parameters:
  ///   - types: the forms in which the content can be had, best first.
  ///   - content: see the property. It has a minute; then the guest gets nothing.
  public init(
    types: [ClipboardType], content: @escaping @Sendable (ClipboardType) async -> [UInt8]?
  ) {
    self.types = types
    self.content = content
  }

  /// Offers a text that is known already.
  public init(text: String) {
    let bytes = Array(text.utf8)
    self.init(types: [.text]) { _ in bytes }
  }
}

/// The ends of lines, and of texts. A text may have 64 MiB: nobody may hold a lock meanwhile.
enum AgentText {
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  /// A content of the host's for a guest.
  static func forGuest(
    _ content: [UInt8], _ type: ClipboardType, hasCarriageReturns: Bool
  ) -> [UInt8] {
    type == .text && hasCarriageReturns ? withCarriageReturns(content) : content
  }

  /// For a guest whose lines end with both characters.
  static func withCarriageReturns(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 16)
    var last: UInt8 = 0
    for byte in text {
      if byte == lineFeed, last != carriageReturn { result.append(carriageReturn) }
      result.append(byte)
      last = byte
    }
    return result
  }

  /// A text of the guest's.
  ///
  /// - Parameter hasCarriageReturns: whether its lines end with both characters.
  static func fromGuest(_ text: consuming [UInt8], hasCarriageReturns: Bool) -> [UInt8] {
    // Some agents send the zero that ends a text in memory.
    while text.last == 0 { text.removeLast() }
    guard hasCarriageReturns, text.contains(carriageReturn) else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for index in text.indices {
      let isEnd = index + 1 < text.count && text[index + 1] == lineFeed
      if text[index] == carriageReturn, isEnd { continue }
      result.append(text[index])
    }
    return result
  }
}

extension AgentMessage {
  /// The guest's message with the host's ends of lines.
  ///
  /// - Parameter hasCarriageReturns: whether the guest's lines end with both characters.
  consuming func withTextOfHost(hasCarriageReturns: Bool) -> AgentMessage {
    guard case .clipboard(let selection, ClipboardType.text.rawValue, let text) = self else {
      return self
    }
    return .clipboard(
      selection, type: ClipboardType.text.rawValue,
      AgentText.fromGuest(text, hasCarriageReturns: hasCarriageReturns))
  }
}
