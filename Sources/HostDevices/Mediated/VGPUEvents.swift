// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// A vGPU that comes or goes.
@nonexhaustive
public enum VGPUEvent: Hashable, Sendable {
  /// It was created, and can be opened.
  case added(MdevUUID)
  /// It is going: the kernel takes it off its bus, and then waits until nobody has it open.
  case removed(MdevUUID)
  /// Events were lost because nobody read them for long: list the vGPUs anew
  /// (`HostHardware.devices()`).
  case missed
}

/// The host's vGPUs that come and go from now on, as the kernel announces them
/// (NETLINK_KOBJECT_UEVENT). This needs no rights, and nothing is polled.
///
/// To miss none, make the sequence first and list the vGPUs then. Each sequence is for one iteration. It
/// ends when its task is cancelled, or when the socket fails.
public struct VGPUEvents: AsyncSequence, Sendable {
  fileprivate let socket: Socket

  /// The socket is closed when the last copy is gone.
  fileprivate final class Socket: Sendable {
    let descriptor: OwnedFileDescriptor

    init(_ descriptor: consuming OwnedFileDescriptor) { self.descriptor = descriptor }
  }

  /// Begins to listen.
  ///
  /// - Throws: `SystemCallError` when the process can have no more descriptors.
  public init() throws(SystemCallError) {
    let fd = try SystemCall.make("socket(NETLINK_KOBJECT_UEVENT)", on: "the kernel's events") {
      vgpu_uevent_socket()
    }
    socket = Socket(OwnedFileDescriptor(owning: Int32(fd)))
  }

  public func makeAsyncIterator() -> Iterator { Iterator(socket: socket) }

  /// Waits for the next event.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let socket: Socket
    /// The kernel's messages are shorter: UEVENT_BUFFER_SIZE is 2 KiB.
    private static let longest = 8192

    public mutating func next() async -> VGPUEvent? {
      while !Task.isCancelled {
        switch receive() {
        case .event(let event): return event
        case .other: continue
        case .nothing: await ReadableDescriptor.wait(for: socket.descriptor.rawValue)
        case .end: return nil
        }
      }
      return nil
    }

    private enum Received {
      case event(VGPUEvent)
      case other
      case nothing
      case end
    }

    private func receive() -> Received {
      withUnsafeTemporaryAllocation(byteCount: Self.longest, alignment: 1) { buffer in
        let count = SystemCall.uninterrupted {
          vgpu_receive_uevent(socket.descriptor.rawValue, buffer.baseAddress, buffer.count)
        }
        guard count >= 0 else {
          return switch SystemCall.errno(count) {
          case .resourceTemporarilyUnavailable: .nothing
          case .noBufferSpace: .event(.missed)
          default: .end
          }
        }
        let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
        return VGPUEvent(uevent: bytes).map { .event($0) } ?? .other
      }
    }
  }
}

extension VGPUEvent {
  /// Reads a message of the kernel: "ACTION@DEVPATH", then "KEY=VALUE" texts, each with its NUL.
  ///
  /// - Returns: `nil` when the message is about something else than a vGPU that comes or goes.
  package init?(uevent bytes: some Collection<UInt8>) {
    var texts = bytes.split(separator: 0, omittingEmptySubsequences: true)
      .map { String(decoding: $0, as: UTF8.self) }[...]
    guard let header = texts.popFirst(), let at = header.firstIndex(of: "@"),
      texts.contains("SUBSYSTEM=mdev"),
      let uuid = header[at...].split(separator: "/").last.flatMap({ MdevUUID(String($0)) })
    else { return nil }
    switch header[..<at] {
    case "add": self = .added(uuid)
    case "remove": self = .removed(uuid)
    default: return nil
    }
  }
}
