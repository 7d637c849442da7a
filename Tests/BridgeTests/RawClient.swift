// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import Foundation
import HostDevices
import LinuxSystem
import SystemPackage
import Testing

/// A client that says what it likes, byte by byte.
final class RawClient {
  let socket: OwnedFileDescriptor

  init(path: String) throws {
    socket = OwnedFileDescriptor(
      owning: Int32(try SystemCall.make("socket", on: path) { vgpu_packet_socket() }))
    let fd = socket.rawValue
    try SystemCall.make("connect", on: path) { vgpu_unix_connect(fd, path) }
  }

  /// One that has been greeted and has chosen a vGPU.
  init(path: String, opening vGPU: VGPUIdentifier) throws {
    socket = OwnedFileDescriptor(
      owning: Int32(try SystemCall.make("socket", on: path) { vgpu_packet_socket() }))
    let fd = socket.rawValue
    try SystemCall.make("connect", on: path) { vgpu_unix_connect(fd, path) }
    send(.hello(oldest: 1, newest: 1))
    send(.open(vGPU))
    _ = answer()
    _ = answer()
  }

  /// Binds a socket and leaves its file behind, as whoever is killed does.
  static func listen(_ socket: borrowing OwnedFileDescriptor, at path: String) throws {
    let url = URL(fileURLWithPath: path)
    let folder = try OwnedFileDescriptor.open(
      url.deletingLastPathComponent().path, flags: O_RDONLY | O_DIRECTORY)
    let (fd, folderFD) = (socket.rawValue, folder.rawValue)
    var file = vgpu_file()
    try SystemCall.make("bind", on: path) {
      vgpu_unix_listen(fd, folderFD, path, url.lastPathComponent, &file)
    }
  }

  /// Whether the bridge has ended the connection, as far as sending has shown.
  private(set) var hasEnded = false

  /// Waits until the socket takes more, or has ended, so that a bridge that is not awake yet loses
  /// nothing.
  func waitUntilWritable() {
    var entry = pollfd(fd: socket.rawValue, events: Int16(POLLOUT), revents: 0)
    _ = poll(&entry, 1, 60_000)
  }

  /// - Returns: whether the socket took it.
  @discardableResult
  func send(_ bytes: [UInt8], fd: Int32 = -1) -> Bool {
    let answer = bytes.withUnsafeBytes { RunningKernel().send(socket.rawValue, $0, fd: fd) }
    if answer < 0, SystemCall.errno(answer) != .resourceTemporarilyUnavailable { hasEnded = true }
    return answer >= 0
  }

  @discardableResult
  func send(_ message: ClientMessage, serial: UInt32 = 0) -> Bool {
    send(Self.bytes(message, serial: serial))
  }

  static func bytes(_ message: ClientMessage, serial: UInt32 = 0) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: WireConstants.longestMessage) { buffer, count in
      count = message.encode(serial: serial, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// The next answer; `nil` at the end of the connection, and when none comes for a minute.
  func answer() -> (message: BridgeMessage, descriptor: Int32)? {
    next().map { ($0.message, $0.descriptor) }
  }

  /// The next answer and its serial.
  func answerWithSerial() -> (message: BridgeMessage, serial: UInt32)? {
    next().map { ($0.message, $0.serial) }
  }

  private func next() -> (message: BridgeMessage, serial: UInt32, descriptor: Int32)? {
    var entry = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 60_000) > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 512)
    var descriptors: [Int32] = []
    var count = 0
    for _ in 0..<2 {
      count = bytes.withUnsafeMutableBytes {
        RunningKernel().receive(socket.rawValue, $0, fds: &descriptors)
      }
      // What was sent before the end comes after this.
      if count >= 0 || SystemCall.errno(count) != .connectionReset { break }
    }
    guard count > 0 else { return nil }
    let decoded = bytes.withUnsafeBytes { buffer in
      try? BridgeMessage.decode(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    guard let decoded else { return nil }
    return (decoded.message, decoded.serial, descriptors.first ?? -1)
  }

  /// The answers until the connection ends; their descriptors are closed.
  func rest() -> [BridgeMessage] {
    var messages: [BridgeMessage] = []
    while let (message, descriptor) = answer() {
      if descriptor >= 0 { close(descriptor) }
      messages.append(message)
    }
    return messages
  }
}
