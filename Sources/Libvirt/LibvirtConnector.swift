// SPDX-License-Identifier: Apache-2.0

public import GuestControl
import LinuxSystem

/// Connects to a guest's QEMU through libvirt, because libvirt keeps QEMU's monitor for itself.
public struct LibvirtConnector: QMPConnector {
  private let name: String
  private let uri: String?

  /// Makes a connector for the domain that `LibvirtDomain.open` finds.
  ///
  /// - Parameters:
  ///   - name: the domain's name or UUID.
  ///   - uri: the connection's URI; `nil` for the user's own connection.
  public init(name: String, uri: String?) {
    self.name = name
    self.uri = uri
  }

  /// Finds the domain and checks that it runs.
  public func connect() async throws(QMPUnavailable) -> any QMPConnection {
    let (name, uri) = (name, uri)
    // libvirt's calls block.
    let domain = try await onThread(for: "libvirt:\(name)", failing: Self.unavailable) {
      () throws(QMPUnavailable) in
      do {
        return try LibvirtDomain.openRunning(name: name, uri: uri)
      } catch {
        throw Self.unavailable(error)
      }
    }
    return BlockingQMPConnection(name: "libvirt:\(domain.name)") { try domain.execute($0) }
  }

  private static func unavailable(_ error: any Error) -> QMPUnavailable { .other("\(error)") }
}
