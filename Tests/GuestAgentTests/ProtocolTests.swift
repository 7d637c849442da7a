// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import GuestAgent

/// The agent's protocol as bytes.
@Suite struct AgentProtocolTests {
  private static let layouts: [AgentLayout] = [
    AgentLayout(), AgentLayout([.clipboardSelection]),
    AgentLayout([.clipboardSelection, .grabSerial]),
  ]

  private func messages(_ layout: AgentLayout) -> [AgentMessage] {
    let selection: ClipboardSelection = layout.hasSelections ? .primary : .clipboard
    var monitor = AgentMonitor(width: 800, height: 600, x: -5, y: 7)
    monitor.widthMillimetres = 300
    monitor.heightMillimetres = 200
    return [
      .capabilities([.grabSerial, .reply], isRequest: true),
      .capabilities(AgentCapabilities(rawValue: 1 << 40 | 3), isRequest: false),
      .grab(selection, serial: layout.hasSerials ? 9 : nil, types: [1, 2, 77]),
      .request(selection, type: 2), .clipboard(selection, type: 1, Array("text".utf8)),
      .clipboard(selection, type: 0, []), .release(selection), .maxClipboard(-1),
      .fileStart(id: 4, description: [1, 2, 0]), .fileData(id: 4, []),
      .fileData(id: 4, [UInt8](repeating: 7, count: 9000)),
      .monitors([AgentMonitor(width: 640, height: 480, x: 800), .off], flags: 1),
      .monitors([monitor], flags: 3), .displayConfig(flags: 3, depth: 16),
      .mouse(x: 1, y: 2, buttons: 4, display: 1), .reply(to: 2, isSuccess: true),
      .reply(to: 2, isSuccess: false), .clientDisconnected, .other(15),
    ]
      + [
        .canSendData, .cancelled, .error(code: nil), .error(code: 31), .success,
        .notEnoughSpace(free: nil), .notEnoughSpace(free: 1 << 40), .sessionLocked,
        .agentNotConnected, .disabled, .other(99),
      ].map { .fileStatus(id: 5, $0) }
  }

  /// What is written is read again, however the bytes are cut.
  @Test(arguments: [1, 7, 2048, 1 << 20]) func messagesAreReadAsTheyWereWritten(piece: Int) throws {
    for layout in Self.layouts {
      let messages = messages(layout)
      var bytes: [UInt8] = []
      for message in messages {
        var outgoing = OutgoingMessage(message, layout)
        outgoing.write(to: &bytes, limit: .max)
        #expect(outgoing.isWritten)
      }
      var reader = AgentStreamReader()
      var read: [AgentMessage] = []
      for start in stride(from: 0, to: bytes.count, by: piece) {
        var input = bytes[start..<min(start + piece, bytes.count)]
        while let item = try reader.next(&input, keeps: { _, _ in true }) {
          guard case .message(let kind, let body) = item else { continue }
          read.append(try #require(AgentMessage(kind, body, layout)))
        }
      }
      #expect(read == messages)
      #expect(!reader.isWithinMessage)
    }
  }

  /// An agent takes 2048 bytes in a chunk, VDAgentMessage among them.
  @Test func chunksAreAsLargeAsAgentsTakeThem() {
    var bytes: [UInt8] = []
    var message = OutgoingMessage(
      .clipboard(.clipboard, type: 1, [UInt8](repeating: 1, count: 5000)), AgentLayout())
    while !message.isWritten {
      // A socket that takes little at a time.
      var part: [UInt8] = []
      message.write(to: &part, limit: 3000)
      #expect(part.count <= 3000)
      bytes += part
    }
    var sizes: [Int] = []
    var position = 0
    while position < bytes.count {
      #expect(bytes[position..<position + 4] == [1, 0, 0, 0])
      let size = Int(bytes[position + 4]) | Int(bytes[position + 5]) << 8
      sizes.append(size)
      position += 8 + size
    }
    #expect(sizes.allSatisfy { (1...2048).contains($0) } && sizes.reduce(0, +) == 5024)
  }

  /// The bytes of one chunk.
  private func chunk(
    port: UInt32 = 1, size: UInt32? = nil, version: UInt32 = 1, kind: UInt32 = 7,
    length: UInt32? = nil, _ body: [UInt8] = []
  ) -> [UInt8] {
    var writer = LittleEndianWriter()
    writer.u32(port)
    writer.u32(size ?? UInt32(20 + body.count))
    writer.u32(version)
    writer.u32(kind)
    writer.u64(0)
    writer.u32(length ?? UInt32(body.count))
    return writer.bytes + body
  }

  private func defect(_ bytes: [UInt8]) -> AgentStreamReader.Defect? {
    var reader = AgentStreamReader()
    var input = bytes[...]
    do throws(AgentStreamReader.Defect) {
      while try reader.next(&input, keeps: { _, _ in true }) != nil {}
      return nil
    } catch {
      return error
    }
  }

  @Test func streamsThatLieAreRefused() {
    #expect(defect(chunk(port: 3)) == .port(3))
    #expect(defect(chunk(port: 0)) == .port(0))
    #expect(defect(chunk(version: 2)) == .version(2))
    #expect(defect(chunk(kind: 0)) == .kind(0))
    #expect(defect(chunk(kind: 17)) == .kind(17))
    #expect(defect(chunk(kind: 4, length: .max)) == .tooLong(kind: 4, size: .max))
    #expect(defect(chunk(kind: 7, length: 5000)) == .tooLong(kind: 7, size: 5000))
    #expect(
      defect(chunk(size: 30, [UInt8](repeating: 0, count: 4)) + [0, 0]) == .chunkAfterMessage)
    // What a SPICE server would get is no message here.
    #expect(defect(chunk(port: 2, version: 9)) == nil)
  }

  /// A content that nobody asked for is dropped as it comes.
  @Test func unwantedContentIsNotKept() throws {
    var reader = AgentStreamReader()
    let size = 1 << 20
    var input = chunk(size: UInt32(size + 20), kind: 4, length: UInt32(size))[...]
    #expect(try reader.next(&input, keeps: { _, _ in false }) == nil)
    #expect(reader.content == nil && reader.isWithinMessage)
    var rest = [UInt8](repeating: 0, count: size)[...]
    #expect(try reader.next(&rest, keeps: { _, _ in false }) == .dropped(.clipboard, size: size))
  }

  /// vdagentd releases the clipboards of an ended session with a message of one byte.
  @Test func shortReleaseIsARelease() {
    let layout = AgentLayout([.clipboardSelection])
    #expect(AgentMessage(.release, [1], layout) == .release(.primary))
    #expect(AgentMessage(.release, [9], layout) == nil)
    #expect(AgentMessage(.release, [], AgentLayout()) == .release(.clipboard))
  }

  @Test func textsLineEnds() {
    func windows(_ text: String) -> String {
      String(decoding: AgentText.withCarriageReturns(Array(text.utf8)), as: UTF8.self)
    }
    func host(_ text: String) -> String {
      String(
        decoding: AgentText.fromGuest(Array(text.utf8), hasCarriageReturns: true), as: UTF8.self)
    }
    #expect(windows("a\nb\n") == "a\r\nb\r\n")
    #expect(windows("a\r\nb\n\n") == "a\r\nb\r\n\r\n")
    #expect(host("a\r\nb\r\n\r\n") == "a\nb\n\n")
    #expect(host("a\rb\r") == "a\rb\r")
    #expect(host("a\r\nb\0\0") == "a\nb")
    #expect(AgentText.fromGuest([97, 13, 10, 0], hasCarriageReturns: false) == [97, 13, 10])
  }

  /// Names lead nowhere and mean nothing else.
  @Test(
    arguments: [
      (["a.txt"], "a.txt", "a.txt"), (["d", "e", "f"], "d/e/f", nil),
      (["..", "etc", "passwd"], "_./etc/passwd", nil), ([".."], "_.", "_"),
      (["a/b"], "a_b", "a_b"), (["a\nsize=9"], "a_size=9", "a_size=9"), ([""], "_", "_"),
      (["a\\b"], "a\\b", "a_b"), (["C:x?"], "C:x?", "C_x_"), (["nul.txt"], "nul.txt", "_nul.txt"),
      (["x. . "], "x. . ", "x"), (["\u{202E}gpj.exe"], "_gpj.exe", "_gpj.exe"),
    ] as [([String], String, String?)])
  func namesAreCleaned(components: [String], linux: String, windows: String?) {
    let file = AgentFile(path: "/f", components: components)
    #expect(file.name(forWindows: false) == linux)
    #expect(file.name(forWindows: true) == windows)
  }

  @Test func longNamesKeepTheirEnding() {
    let name = AgentFile(path: "/f", components: [String(repeating: "ä", count: 300) + ".jpeg"])
      .name(forWindows: false)
    #expect(name?.hasSuffix("ä.jpeg") == true && (name?.utf8.count ?? 999) <= 240)
  }

  @Test func descriptionIsAKeyFile() {
    let description = FileDescription(name: " a\\b", size: 5, number: 2, of: 3)
    #expect(
      String(decoding: description.bytes, as: UTF8.self)
        == "[vdagent-file-xfer]\nname=\\sa\\\\b\nsize=5\nfile-xfer-nr=2\nfile-xfer-total=3\n\0")
  }
}
