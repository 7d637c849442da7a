// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization
import VGPUDisplay

/// One connection to QEMU's display, as its control client.
///
/// Its calls wait for QEMU's answers, so they belong on a thread that may wait.
final class DisplaySession: Sendable {
  let name: String
  let guest: String
  /// Whether the guest has a touch screen that takes the display's touches.
  let hasTouchScreen: Bool
  private let control: PeerConnection
  private let signals: Signals

  /// What QEMU tells of its consoles.
  private final class Signals: Sendable {
    /// A console that was asked for; `nil` for what is not known yet. A signal may be handled before the
    /// answer to the question is, and is newer then: an answer only tells what no signal has told.
    struct Console {
      var isAbsolute: Bool?
      var width: Int?
      var height: Int?

      var size: PixelSize? {
        guard let width, let height else { return nil }
        return PixelSize(width: width, height: height)
      }
    }
    let consoles = Mutex<[String: Console]>([:])

    /// Listens to a console's signals from now on. Whoever asks for its properties calls this before.
    func expect(_ path: String) { consoles.withLock { $0[path] = $0[path] ?? Console() } }

    /// - Returns: what is another now than before; `nil` for nothing.
    func take(_ message: PeerConnection.Incoming) -> ConsoleChange? {
      guard message.member == "PropertiesChanged",
        let parts = message.body?.members("(sa{sv}as)"), let interface = parts[0].string,
        let values = parts[1].dictionary
      else { return nil }
      return consoles.withLock { consoles in
        // Whoever names a console that nobody has asked for gets no memory for it.
        guard var console = consoles[message.path] else { return nil }
        let old = console
        if interface == DisplayName.mouse, let value = values["IsAbsolute"]?.bool {
          console.isAbsolute = value
        }
        if interface == DisplayName.console {
          console.width = values["Width"]?.uint32.map(Int.init) ?? console.width
          console.height = values["Height"]?.uint32.map(Int.init) ?? console.height
        }
        consoles[message.path] = console
        if console.size != old.size { return .size }
        return console.isAbsolute != old.isAbsolute ? .pointer : nil
      }
    }
  }

  /// Connects, and asks what the display is.
  ///
  /// - Parameters:
  ///   - socket: one end of a connection whose other end QEMU has.
  ///   - guest: the guest, for errors.
  ///   - hasTouchScreen: whether the guest has a touch screen. The display does not tell, and drops touches
  ///     for a guest that has none.
  ///   - onChange: called when a console is another than before, on GDBus's thread.
  /// - Throws: `QEMUDisplayError`.
  init(
    owning socket: consuming OwnedFileDescriptor, guest: String, hasTouchScreen: Bool = false,
    onChange: @escaping @Sendable (ConsoleChange) -> Void
  ) throws(QEMUDisplayError) {
    let signals = Signals()
    control = try PeerConnection(owning: socket, name: guest) { message in
      if message.isSignal {
        if let change = signals.take(message) { onChange(change) }
      } else {
        message.reply.refuse(DisplayName.unknownMethod, "no such method")
      }
    }
    self.signals = signals
    self.guest = guest
    self.hasTouchScreen = hasTouchScreen
    let properties = try control.properties(DisplayName.vm, "org.qemu.Display1.VM")
    // A guest without a name (`-name`) has QEMU's own, with its version, as many do.
    let name = properties["Name"]?.shortText ?? guest
    self.name = name.starts(with: /QEMU [0-9]/) ? guest : name
    ids = properties["ConsoleIDs"]?.uint32s ?? []
  }

  private let ids: [UInt32]

  /// No guest has more.
  private static let mostConsoles = 64

  /// The graphical consoles, in QEMU's order.
  ///
  /// - Throws: `QEMUDisplayError`.
  func consoles() throws(QEMUDisplayError) -> [DisplayConsole] {
    var consoles: [DisplayConsole] = []
    for id in ids.prefix(Self.mostConsoles) {
      let path = DisplayName.path(ofConsole: id)
      signals.expect(path)
      let properties = try control.properties(path, DisplayName.console)
      guard properties["Type"]?.string == "Graphic" else { continue }
      let console = DisplayConsole(
        id: id, label: properties["Label"]?.shortText ?? "", head: properties["Head"]?.uint32 ?? 0,
        device: properties["DeviceAddress"]?.shortText ?? "",
        width: properties["Width"]?.uint32 ?? 0, height: properties["Height"]?.uint32 ?? 0)
      consoles.append(console)
      signals.consoles.withLock { consoles in
        let told = consoles[path]
        consoles[path]?.width = told?.width ?? Int(console.width)
        consoles[path]?.height = told?.height ?? Int(console.height)
      }
    }
    return consoles
  }

  // MARK: Pictures

  /// Has a console's picture sent to a listener.
  ///
  /// - Returns: the listener's connection. The pictures come as long as it lives.
  /// - Throws: `QEMUDisplayError`.
  func listen(
    to console: UInt32, _ picture: ConsolePicture
  ) throws(QEMUDisplayError) -> PeerConnection {
    let turn = picture.nextListener()
    return try register(
      DisplayName.path(ofConsole: console), DisplayName.console, "RegisterListener"
    ) { ListenerObject.answer($0, picture, turn) }
  }

  /// Has a direction of the guest's sound sent to a listener.
  ///
  /// - Returns: the listener's connection. The sound comes as long as it lives.
  /// - Throws: `QEMUDisplayError`: `noSound` when this QEMU has none for its display, `deadlySound` when it
  ///   is too old.
  func listen(to direction: SoundListener.Direction) throws(QEMUDisplayError) -> PeerConnection {
    do throws(QEMUDisplayError) {
      // QEMU 7.2 looks for the name of the caller, which a direct connection does not have, and dies of it.
      // It also has no such property, and nothing else tells that it is not safe.
      guard
        try control.properties(DisplayName.audio, DisplayName.audioInterface)["Interfaces"] != nil
      else { throw .deadlySound(guest: guest) }
      return try register(DisplayName.audio, DisplayName.audioInterface, direction.registration) {
        SoundListener.answer($0, direction)
      }
    } catch .refused(_, _, let reason) where !reason.contains("already registered") {
      throw .noSound(guest: guest, reason: reason)
    }
  }

  /// Hands one end of a new connection to QEMU, which calls the handler over it.
  private func register(
    _ path: String, _ interface: String, _ member: String,
    handler: @escaping PeerConnection.Handler
  ) throws(QEMUDisplayError) -> PeerConnection {
    let pair = try SocketPair(for: guest)
    let number = pair.theirs.rawValue
    let (control, guest) = (control, guest)
    // QEMU's main thread authenticates this process before it goes on, perhaps before it answers. So
    // somebody else waits for the answer.
    let registration = Outcome<Void, QEMUDisplayError>()
    do throws(SystemCallError) {
      try SystemThread.detach(for: guest) {
        registration.settle(
          Result { () throws(QEMUDisplayError) in
            try control.call(path, interface, member, [.handle(0)], descriptor: number)
          })
      }
    } catch {
      throw .system(error)
    }
    let listener: PeerConnection
    do throws(QEMUDisplayError) {
      listener = try PeerConnection(
        owning: pair.duplicateOfOurs(), name: guest, handler: handler)
    } catch {
      // QEMU's refusal says more than the end of the connection.
      try registration.wait().get()
      throw error
    }
    try registration.wait().get()
    return listener
  }

  // MARK: Input and size

  /// Whether the console's pointer takes places (`IsAbsolute`); asks QEMU the first time.
  ///
  /// - Throws: `QEMUDisplayError`.
  func lookAtPointer(of console: UInt32) throws(QEMUDisplayError) {
    let path = DisplayName.path(ofConsole: console)
    signals.expect(path)
    let value = try control.properties(path, DisplayName.mouse)["IsAbsolute"]?.bool ?? false
    signals.consoles.withLock { consoles in
      let told = consoles[path]?.isAbsolute
      consoles[path]?.isAbsolute = told ?? value
    }
  }

  /// Whether the console's pointer takes places, as QEMU said last.
  func isAbsolute(_ console: UInt32) -> Bool {
    signals.consoles.withLock { $0[DisplayName.path(ofConsole: console)]?.isAbsolute ?? false }
  }

  /// The console's size, as QEMU said last.
  func size(of console: UInt32) -> PixelSize {
    signals.consoles.withLock {
      $0[DisplayName.path(ofConsole: console)]?.size ?? PixelSize(width: 0, height: 0)
    }
  }

  /// A console with the size that QEMU said last.
  func update(_ console: DisplayConsole) -> DisplayConsole {
    var console = console
    let size = size(of: console.id)
    (console.width, console.height) = (UInt32(clamping: size.width), UInt32(clamping: size.height))
    return console
  }

  /// Sends an event without waiting.
  func post(_ console: UInt32, _ interface: String, _ member: String, _ arguments: [Variant]) {
    control.post(DisplayName.path(ofConsole: console), interface, member, arguments)
  }

  /// Sends an event without waiting, and has QEMU answer when it has carried it out.
  ///
  /// - Returns: its number for `hasCarriedOut`; `nil` when the connection has ended.
  func ask(
    _ console: UInt32, _ interface: String, _ member: String, _ arguments: [Variant]
  ) -> UInt32? {
    control.ask(DisplayName.path(ofConsole: console), interface, member, arguments)
  }

  /// Whether QEMU has carried out what was asked.
  func hasCarriedOut(_ call: UInt32) -> Bool { control.hasAnswered(call) || control.hasEnded }

  /// The bytes of events that QEMU has not read yet.
  var unread: Int { control.unread }

  /// Asks the guest for another size (`SetUIInfo`).
  ///
  /// - Throws: `QEMUDisplayError.refused` when the console's device cannot ask its guest.
  func setSize(
    of console: UInt32, width: UInt32, height: UInt32, widthMM: UInt16, heightMM: UInt16
  ) throws(QEMUDisplayError) {
    try control.call(
      DisplayName.path(ofConsole: console), DisplayName.console, "SetUIInfo",
      [
        .uint16(widthMM), .uint16(heightMM), .int32(0), .int32(0), .uint32(width), .uint32(height),
      ])
  }

  // MARK: The end of listeners

  /// Ends a listener that nobody replaces, while its owner goes. The next listener of this console waits for
  /// that, because QEMU 7.2 must not get one while it is busy with the other's end.
  func end(_ listener: PeerConnection, of console: UInt32) {
    ending.withLock { ending in
      let before = ending[console]
      ending[console] = Task.detached {
        await before?.value
        await listener.endInOrder()
      }
    }
  }

  /// Waits until no listener of this console is being ended.
  func waitForEnding(of console: UInt32) async { await ending.withLock { $0[console] }?.value }

  private let ending = Mutex<[UInt32: Task<Void, Never>]>([:])

  // MARK: The end

  /// Whether QEMU, or this process, has ended the connection.
  var hasEnded: Bool { control.hasEnded }

  /// Whether the socket itself was closed; see `PeerConnection`.
  var hasHungUp: Bool { control.hasHungUp }

  /// Whether this process has ended the connection.
  var wasEndedHere: Bool { control.wasEndedHere }

  /// Has the end of the connection noticed.
  func noticeEnd() { control.noticeEnd() }

  /// Returns when the connection has ended, because QEMU has ended or has another client, and when the
  /// task is cancelled.
  func waitForEnd() async {
    while !Task.isCancelled, !hasEnded { await waitForEnd(orOf: nil) }
  }

  /// Returns when this connection or a listener's has ended, and perhaps earlier.
  func waitForEnd(orOf listener: PeerConnection?) async {
    guard let number = try? SystemCall.make("epoll_create1", on: guest, { vgpu_epoll() }) else {
      try? await Task.sleep(for: .seconds(1))
      return
    }
    let epoll = OwnedFileDescriptor(owning: Int32(number))
    control.addEnd(to: epoll)
    listener?.addEnd(to: epoll)
    await ReadableDescriptor.wait(for: epoll.rawValue)
  }

  /// Ends the connection.
  func close() { control.close() }
}

/// A graphical console of a guest: one head of a display device.
public struct DisplayConsole: Hashable, Sendable {
  /// QEMU's number of the console.
  public let id: UInt32
  /// QEMU's name of the device.
  public let label: String
  /// The number of the device's head.
  public let head: UInt32
  /// The device's place, such as `pci/0000/02.0`.
  public let device: String
  /// The width in pixels, as QEMU said it last. QEMU looks for a new size only while somebody watches the
  /// console.
  public internal(set) var width: UInt32
  /// The height in pixels, like the width.
  public internal(set) var height: UInt32
}

extension Variant {
  /// A text for people, cut off where no honest one is so long.
  fileprivate var shortText: String? {
    string.map { String($0.prefix(PeerConnection.longestText)) }
  }
}

/// Names of QEMU's display on D-Bus (ui/dbus-display1.xml).
enum DisplayName {
  static let vm = "/org/qemu/Display1/VM"
  static let console = "org.qemu.Display1.Console"
  static let keyboard = "org.qemu.Display1.Keyboard"
  static let mouse = "org.qemu.Display1.Mouse"
  static let multiTouch = "org.qemu.Display1.MultiTouch"
  static let listener = "org.qemu.Display1.Listener"
  static let audio = "/org/qemu/Display1/Audio"
  static let audioInterface = "org.qemu.Display1.Audio"
  static let properties = "org.freedesktop.DBus.Properties"
  static let unknownMethod = "org.freedesktop.DBus.Error.UnknownMethod"
  static let invalidArguments = "org.freedesktop.DBus.Error.InvalidArgs"

  static func path(ofConsole id: UInt32) -> String { "/org/qemu/Display1/Console_\(id)" }
}

/// The object that QEMU calls with a console's pictures.
enum ListenerObject {
  /// Answers one message on a listener's connection.
  static func answer(
    _ message: PeerConnection.Incoming, _ picture: ConsolePicture, _ listener: UInt64
  ) {
    if message.isSignal { return }
    if message.interface == DisplayName.properties {
      return answerProperties(message)
    }
    do throws(DisplayDefect) {
      let call = try ListenerCall(message.member, message.body, message.descriptors)
      try picture.take(call, message.reply, from: listener)
    } catch {
      let isUnknown = if case .unknownCall = error { true } else { false }
      message.reply.refuse(
        isUnknown ? DisplayName.unknownMethod : DisplayName.invalidArguments, "\(error)")
    }
  }

  private static func answerProperties(_ message: PeerConnection.Incoming) {
    let interfaces = Variant.strings(ListenerCall.interfaces)
    switch message.member {
    case "GetAll":
      let isListener = message.body?.members("(s)")?.first?.string == DisplayName.listener
      message.reply.send([.dictionary(isListener ? ["Interfaces": interfaces] : [:])])
    case "Get" where message.body?.members("(ss)")?.last?.string == "Interfaces":
      message.reply.send([.variant(interfaces)])
    default:
      message.reply.refuse(DisplayName.unknownMethod, "no such property")
    }
  }
}

/// What of a console is another than before.
enum ConsoleChange {
  case size
  /// Whether its pointer takes places.
  case pointer
}
