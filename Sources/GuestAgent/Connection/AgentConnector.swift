// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
import SystemPackage

/// Makes connections to the agent's port of one guest.
public protocol AgentConnector: Sendable {
  /// The port's name in messages, such as the socket's path.
  var name: String { get }

  /// Connects to the port. It is called on the connection's own thread, and may block.
  ///
  /// - Returns: a stream socket. The caller owns it.
  /// - Throws: `AgentUnavailable`: why there is no connection now. The caller asks again later.
  func connect() throws(AgentUnavailable) -> OwnedFileDescriptor
}

/// Why an agent's port cannot be connected to.
public struct AgentUnavailable: Error, Hashable, Sendable, CustomStringConvertible {
  /// One line: object, cause, remedy.
  public let description: String
  package let errorClass: ErrorClass

  /// Makes a reason of one's own.
  ///
  /// - Parameter description: one line: object, cause, remedy.
  public init(_ description: String) { self.init(description, .other) }

  package init(_ description: String, _ errorClass: ErrorClass) {
    self.description = description
    self.errorClass = errorClass
  }
}

extension AgentUnavailable: ClassifiedError {}

/// Connects to a Unix socket of QEMU's (`-chardev socket,path=PATH,server=on`). QEMU serves one client at a
/// time.
public struct AgentSocket: AgentConnector {
  private let path: String
  private let server: RunningProcess?

  /// - Parameters:
  ///   - path: the socket.
  ///   - server: the process that must serve it, when the path comes from that process.
  public init(path: String, servedBy server: RunningProcess? = nil) {
    self.path = path
    self.server = server
  }

  public var name: String { path }

  public func connect() throws(AgentUnavailable) -> OwnedFileDescriptor {
    do throws(SystemCallError) {
      let socket = try UnixSocket.make(for: path)
      guard try UnixSocket.connect(socket.rawValue, to: path) else {
        throw SystemCallError(
          call: "connect", object: path, errno: .resourceBusy,
          remedy: "other programs wait for the guest's agent there; end them")
      }
      if let server { try UnixSocket.check(socket.rawValue, path, isServedBy: server) }
      return socket
    } catch {
      throw Self.unavailable(error, path)
    }
  }

  /// Why this user cannot connect to a socket, as far as its file tells; `nil` when the user may. It makes no
  /// connection.
  public static func obstacle(toConnectTo path: String) -> AgentUnavailable? {
    UnixSocket.obstacle(toConnectTo: path).map { unavailable($0, path) }
  }

  private static func unavailable(_ error: SystemCallError, _ path: String) -> AgentUnavailable {
    let advised = error.advising(remedy(error.errno, path))
    return AgentUnavailable(
      "\(advised)", error.errno == .connectionRefused ? .notRunning : advised.errorClass)
  }

  private static func remedy(_ errno: Errno, _ path: String) -> String? {
    switch errno {
    case .noSuchFileOrDirectory:
      """
      start QEMU with -chardev socket,id=agent,path=\(path),server=on,wait=off and a virtserialport \
      named com.redhat.spice.0
      """
    case .connectionRefused: "nothing listens there: has QEMU ended?"
    case .permissionDenied: "run as the user that QEMU runs as, or as root"
    default: nil
    }
  }
}
