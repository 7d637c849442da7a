// SPDX-License-Identifier: Apache-2.0

import CGIO
import CLinux
import LinuxSystem
import Synchronization

/// A D-Bus connection without a bus, to one program (GDBusConnection). The other program is the
/// server of the authentication.
///
/// Messages that come are handled on GDBus's own thread, which all connections of this process
/// share: a handler must not wait. No main loop is needed.
final class PeerConnection: Sendable {
  /// What a handler gets: a call or a signal.
  struct Incoming {
    let isSignal: Bool
    let path: String
    let interface: String
    let member: String
    let body: Variant?
    /// The descriptors that came with the message.
    let descriptors: ReceivedDescriptors
    /// Answers the call. It may be used later, and on another thread.
    let reply: Reply
  }

  /// Handles one message.
  typealias Handler = @Sendable (Incoming) -> Void

  /// `@unchecked Sendable`: GDBusConnection may be used by any thread.
  private struct Raw: @unchecked Sendable {
    let pointer: OpaquePointer
    let context: OpaquePointer?
  }
  private let raw: Raw
  private let filter: UInt32
  /// A duplicate of the socket, for looking whether the other side still reads and has not closed.
  private let socket: SharedSocket
  private let name: String
  private let cancellable: Cancellable
  private let answers = Answers()

  /// The longest that the other side may take for its part of the authentication, and for an answer.
  static let patience = Duration.seconds(5)

  /// Connects. Blocks until the other side has authenticated this process.
  ///
  /// - Parameters:
  ///   - socket: a connected stream socket.
  ///   - name: the guest, for errors.
  ///   - handler: gets all calls and signals from now on, on GDBus's thread.
  /// - Throws: `QEMUDisplayError.connection`, `.system`.
  init(
    owning socket: consuming OwnedFileDescriptor, name: String, handler: @escaping Handler
  ) throws(QEMUDisplayError) {
    self.name = name
    do {
      self.socket = SharedSocket(try socket.duplicate(of: name))
    } catch {
      throw .system(error)
    }
    let cancellable = Cancellable()
    self.cancellable = cancellable
    var error: UnsafeMutablePointer<GError>?
    let fd = socket.release()
    var context: OpaquePointer?
    let pointer = cancellable.limited(to: Self.patience) {
      vgpu_dbus_client(fd, cancellable.raw, &context, &error)
    }
    guard let pointer else { throw .connection(guest: name, reason: Self.text(error)) }
    raw = Raw(pointer: pointer, context: context)
    let box = Unmanaged.passRetained(HandlerBox(handler, self.socket, answers))
    filter = g_dbus_connection_add_filter(
      pointer, filterMessage, box.toOpaque(),
      { data in
        guard let data else { return }
        Unmanaged<HandlerBox>.fromOpaque(data).release()
      })
    g_dbus_connection_set_exit_on_close(pointer, 0)
    g_dbus_connection_start_message_processing(pointer)
  }

  deinit {
    g_dbus_connection_remove_filter(raw.pointer, filter)
    let (raw, socket) = (raw, socket)
    // What was posted last still goes, and nobody here waits for it.
    let end = {
      let limit = Cancellable()
      limit.limited(to: Self.lastPatience, byShutdownOf: socket) {
        vgpu_dbus_end(raw.pointer, raw.context, limit.raw)
      }
    }
    if (try? SystemThread.detach(for: name, end)) == nil {
      socket.shutDown()
      vgpu_dbus_end(raw.pointer, raw.context, nil)
    }
  }

  /// The longest that the last messages may take.
  private static let lastPatience = Duration.milliseconds(500)

  /// Ends the connection for both sides: shutdown(2) of the socket. GDBus then finds its end.
  func close() {
    cancellable.cancel()
    socket.shutDown()
  }

  /// Has the other side end the connection: it reads to the end of what was sent, and closes its socket then.
  /// `hasHungUp` tells when.
  func askForEnd() { socket.shutDownSending() }

  /// Has the other side end the connection, waits for that, and closes it.
  func endInOrder() async {
    askForEnd()
    for _ in 0..<Self.looks where !hasHungUp { try? await Task.sleep(for: Self.lookPause) }
    close()
  }

  /// How often, and at which distance, it is looked whether the other side has closed.
  private static let looks = 20
  private static let lookPause = Duration.milliseconds(50)

  /// Whether this process has ended the connection.
  var wasEndedHere: Bool { socket.isShutDownHere }

  /// Whether the other side, or this one, has ended the connection.
  var hasEnded: Bool { hasHungUp || g_dbus_connection_is_closed(raw.pointer) != 0 }

  /// Whether the socket itself has been closed, by either side. GDBus also gives a connection up by itself,
  /// after a message that makes no sense.
  var hasHungUp: Bool { vgpu_has_hung_up(socket.rawValue) != 0 }

  /// Closes the socket of a connection that GDBus has given up, so that `addEnd` notices.
  func noticeEnd() {
    if !hasHungUp, g_dbus_connection_is_closed(raw.pointer) != 0 { socket.shutDown() }
  }

  /// Makes an epoll descriptor readable when the connection has ended.
  func addEnd(to epoll: borrowing OwnedFileDescriptor) {
    _ = vgpu_epoll_add_hangup(epoll.rawValue, socket.rawValue)
  }

  // MARK: Calls

  /// Calls a method and waits for the answer.
  ///
  /// - Parameter descriptor: goes with the message; the body names it by the handle 0.
  /// - Throws: `QEMUDisplayError.refused`, `.connection`.
  @discardableResult
  func call(
    _ path: String, _ interface: String, _ member: String, _ arguments: [Variant] = [],
    descriptor: Int32? = nil
  ) throws(QEMUDisplayError) -> Variant? {
    let message = message(path, interface, member, arguments, descriptor)
    defer { vgpu_unref(UnsafeMutableRawPointer(message)) }
    var error: UnsafeMutablePointer<GError>?
    let milliseconds = gint(Self.patience / .milliseconds(1))
    let answer = g_dbus_connection_send_message_with_reply_sync(
      raw.pointer, message, GDBusSendMessageFlags(rawValue: 0), milliseconds, nil, cancellable.raw,
      &error)
    guard let answer else {
      throw .connection(guest: name, reason: "\(member): \(Self.text(error))")
    }
    defer { vgpu_unref(UnsafeMutableRawPointer(answer)) }
    if g_dbus_message_to_gerror(answer, &error) != 0 {
      throw .refused(guest: name, call: member, reason: Self.text(error))
    }
    return g_dbus_message_get_body(answer).map { Variant(owning: g_variant_ref($0)) }
  }

  /// Calls a method, and wants no answer. Does not wait.
  func post(
    _ path: String, _ interface: String, _ member: String, _ arguments: [Variant]
  ) {
    let message = message(path, interface, member, arguments, nil)
    defer { vgpu_unref(UnsafeMutableRawPointer(message)) }
    g_dbus_message_set_flags(message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED)
    g_dbus_connection_send_message(
      raw.pointer, message, GDBusSendMessageFlags(rawValue: 0), nil, nil)
  }

  /// Calls a method, and does not wait for the answer.
  ///
  /// - Returns: the call's number for `hasAnswered`; `nil` when the connection has ended.
  func ask(
    _ path: String, _ interface: String, _ member: String, _ arguments: [Variant]
  ) -> UInt32? {
    let message = message(path, interface, member, arguments, nil)
    defer { vgpu_unref(UnsafeMutableRawPointer(message)) }
    var serial: guint32 = 0
    let isSent = g_dbus_connection_send_message(
      raw.pointer, message, GDBusSendMessageFlags(rawValue: 0), &serial, nil)
    return isSent == 0 ? nil : serial
  }

  /// Whether the other side has answered that call, or a later one: it answers them in order.
  func hasAnswered(_ call: UInt32) -> Bool {
    Int32(bitPattern: answers.last.load(ordering: .relaxed) &- call) >= 0
  }

  /// The bytes that the other side has not read yet.
  var unread: Int { Int(vgpu_unread_by_peer(socket.rawValue)) }

  /// All properties of an interface.
  func properties(
    _ path: String, _ interface: String
  ) throws(QEMUDisplayError) -> [String: Variant] {
    let answer = try call(
      path, DisplayName.properties, "GetAll", [.string(interface)])
    guard let values = answer?.members("(a{sv})")?.first?.dictionary else {
      throw .malformed(guest: name, .signature("GetAll", answer?.signature ?? ""))
    }
    return values
  }

  private func message(
    _ path: String, _ interface: String, _ member: String, _ arguments: [Variant],
    _ descriptor: Int32?
  ) -> OpaquePointer? {
    let message = g_dbus_message_new_method_call(nil, path, interface, member)
    if !arguments.isEmpty { setBody(of: message, arguments) }
    if let descriptor {
      let list = g_unix_fd_list_new()
      // It duplicates the descriptor.
      g_unix_fd_list_append(list, descriptor, nil)
      g_dbus_message_set_unix_fd_list(message, list)
      vgpu_unref(list)
    }
    return message
  }

  /// The most characters of a name or a reason of the other side's that are kept.
  static let longestText = 256

  private static func text(_ error: UnsafeMutablePointer<GError>?) -> String {
    guard let error else { return "no reason" }
    defer { g_error_free(error) }
    g_dbus_error_strip_remote_error(error)
    // The other side may send millions of bytes.
    return String(String(cString: error.pointee.message).prefix(longestText))
  }
}

/// The number of the call that the other side has answered last.
private final class Answers: Sendable {
  let last = Atomic<UInt32>(0)
}

/// A connection's socket, for whoever asks the kernel about it.
final class SharedSocket: Sendable {
  private let descriptor: OwnedFileDescriptor

  init(_ descriptor: consuming OwnedFileDescriptor) { self.descriptor = descriptor }

  var rawValue: Int32 { descriptor.rawValue }

  private let isOver = Atomic(false)

  /// Whether `shutDown` was called.
  var isShutDownHere: Bool { isOver.load(ordering: .acquiring) }

  /// shutdown(2) of both directions.
  func shutDown() {
    isOver.store(true, ordering: .releasing)
    _ = CLinux.shutdown(descriptor.rawValue, Int32(SHUT_RDWR))
  }

  /// shutdown(2) of what this side sends.
  func shutDownSending() { _ = CLinux.shutdown(descriptor.rawValue, Int32(SHUT_WR)) }
}

/// Ends a wait of GIO's (GCancellable).
///
/// `@unchecked Sendable`: GCancellable may be used by any thread.
private final class Cancellable: @unchecked Sendable {
  let raw = g_cancellable_new()

  deinit { vgpu_unref(raw) }

  func cancel() { g_cancellable_cancel(raw) }

  /// Runs `body`, and cancels it when it takes longer than `limit`.
  func limited<Result>(
    to limit: Duration, byShutdownOf socket: SharedSocket? = nil, _ body: () -> Result
  ) -> Result {
    let timer = Task.detached { [self] in
      guard (try? await Task.sleep(for: limit)) != nil else { return }
      cancel()
      socket?.shutDown()
    }
    defer { timer.cancel() }
    return body()
  }
}

/// Descriptors that came with a message. Whoever wants one takes it; the others are closed on a
/// thread of their own, because closing a file that somebody else chose may take long.
final class ReceivedDescriptors {
  private var numbers: [Int32?]
  private let closing: ForeignDescriptors

  init(_ numbers: [Int32], closing: ForeignDescriptors) {
    self.numbers = numbers
    self.closing = closing
  }

  deinit { closing.close(numbers.compactMap(\.self)) }

  /// The file of the descriptor that a message names by this handle.
  func identity(_ handle: Int32) -> FileIdentity? {
    guard numbers.indices.contains(Int(handle)), let number = numbers[Int(handle)] else {
      return nil
    }
    return FileIdentity(ofDescriptor: number)
  }

  /// The descriptor that a message names by this handle.
  ///
  /// - Returns: `nil` when there is none, or it was taken before.
  func take(_ handle: Int32) -> OwnedFileDescriptor? {
    guard numbers.indices.contains(Int(handle)), let number = numbers[Int(handle)] else {
      return nil
    }
    let descriptor = OwnedFileDescriptor(owning: number)
    let kernel = descriptor.kernel
    // A file of any other kind stays here, to be closed on the other thread.
    guard
      kernel.fcntl(number, command: vgpu_F_GET_SEALS, argument: 0) >= 0
        || (try? descriptor.status(of: "QEMU's picture")) == .anonymous
    else {
      _ = descriptor.release()
      return nil
    }
    numbers[Int(handle)] = nil
    return descriptor
  }
}

/// The answer to one call; without one, the other side waits until its own time is over.
///
/// `@unchecked Sendable`: the message is not changed any more, and GDBusConnection may be used by any
/// thread.
final class Reply: @unchecked Sendable {
  private let connection: OpaquePointer
  private let call: OpaquePointer
  private let socket: SharedSocket
  private let isSent = Atomic(false)

  /// The most bytes that the other side may leave unread in the socket. GDBus would keep every further
  /// answer in memory, for a side that only sends.
  static let mostUnread = 100_000

  fileprivate init(_ connection: OpaquePointer, _ call: OpaquePointer, socket: SharedSocket) {
    self.connection = connection
    self.call = call
    self.socket = socket
    g_object_ref(UnsafeMutableRawPointer(connection))
    g_object_ref(UnsafeMutableRawPointer(call))
  }

  deinit {
    vgpu_unref(UnsafeMutableRawPointer(call))
    vgpu_unref(UnsafeMutableRawPointer(connection))
  }

  /// Sends the answer; only the first one counts.
  func send(_ results: [Variant] = []) {
    send { call in
      let message = g_dbus_message_new_method_reply(call)
      if !results.isEmpty { setBody(of: message, results) }
      return message
    }
  }

  /// Sends an error.
  func refuse(_ name: String, _ reason: String) {
    send { g_dbus_message_new_method_error_literal($0, name, reason) }
  }

  private func send(_ make: (OpaquePointer) -> OpaquePointer?) {
    guard !isSent.exchange(true, ordering: .relaxed),
      g_dbus_message_get_flags(call).rawValue
        & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED.rawValue == 0,
      vgpu_unread_by_peer(socket.rawValue) <= Self.mostUnread, let message = make(call)
    else { return }
    g_dbus_connection_send_message(
      connection, message, GDBusSendMessageFlags(rawValue: 0), nil, nil)
    vgpu_unref(UnsafeMutableRawPointer(message))
  }
}

/// Carries a handler to GDBus's thread.
private final class HandlerBox: Sendable {
  let handler: PeerConnection.Handler
  let socket: SharedSocket
  let answers: Answers
  let closing = ForeignDescriptors()

  init(_ handler: @escaping PeerConnection.Handler, _ socket: SharedSocket, _ answers: Answers) {
    self.handler = handler
    self.socket = socket
    self.answers = answers
  }
}

/// GDBus's filter function: takes calls and signals for the handler, and leaves answers to GDBus.
private func filterMessage(
  _ connection: OpaquePointer?, _ message: OpaquePointer?, _ isIncoming: gboolean,
  _ data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  guard isIncoming != 0, let connection, let message, let data else { return message }
  let box = Unmanaged<HandlerBox>.fromOpaque(data).takeUnretainedValue()
  // Those of answers too, because GDBus would close them here.
  let descriptors = descriptors(of: message, box.closing)
  let type = g_dbus_message_get_message_type(message)
  guard
    type == G_DBUS_MESSAGE_TYPE_METHOD_CALL || type == G_DBUS_MESSAGE_TYPE_SIGNAL
  else {
    box.answers.last.store(g_dbus_message_get_reply_serial(message), ordering: .relaxed)
    return message
  }
  if box.closing.waiting < ForeignDescriptors.most {
    let reply = Reply(connection, message, socket: box.socket)
    box.handler(
      PeerConnection.Incoming(
        isSignal: type == G_DBUS_MESSAGE_TYPE_SIGNAL,
        path: text(g_dbus_message_get_path(message)),
        interface: text(g_dbus_message_get_interface(message)),
        member: text(g_dbus_message_get_member(message)),
        body: g_dbus_message_get_body(message).map { Variant(owning: g_variant_ref($0)) },
        descriptors: descriptors, reply: reply))
  } else {
    // Whoever sends files faster than they can be closed is not heard any more.
    box.socket.shutDown()
  }
  vgpu_unref(UnsafeMutableRawPointer(message))
  return nil
}

private func descriptors(
  of message: OpaquePointer, _ closing: ForeignDescriptors
) -> ReceivedDescriptors {
  guard let list = g_dbus_message_get_unix_fd_list(message) else {
    return ReceivedDescriptors([], closing: closing)
  }
  var count: gint = 0
  let stolen = g_unix_fd_list_steal_fds(list, &count)
  defer { g_free(stolen) }
  return ReceivedDescriptors(
    Array(UnsafeBufferPointer(start: stolen, count: Int(count))), closing: closing)
}

private func setBody(of message: OpaquePointer?, _ values: [Variant]) {
  // The message takes a reference of its own.
  withExtendedLifetime(Variant.tuple(values)) { g_dbus_message_set_body(message, $0.raw) }
}

private func text(_ text: UnsafePointer<gchar>?) -> String {
  text.map { String(cString: $0) } ?? ""
}

extension ForeignDescriptors {
  /// The most descriptors that may wait for their close.
  fileprivate static let most = 512
}
