// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import GuestControl

/// Reaches a guest's QEMU through libvirt, which keeps QEMU's own monitor for itself.
public struct LibvirtConnector: QMPConnector {
  private let name: String
  private let uri: String?

  /// Of a domain, as `LibvirtDomain.open` finds it.
  ///
  /// - Parameters:
  ///   - name: the domain's name or UUID.
  ///   - uri: the connection's URI; `nil` for the user's own connection.
  public init(name: String, uri: String?) {
    self.name = name
    self.uri = uri
  }

  /// Looks for the domain and whether it runs.
  public func connect() async throws(QMPUnavailable) -> any QMPConnection {
    let (name, uri) = (name, uri)
    let answer = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<LibvirtDomain, LibvirtError>, Never>) in
      // libvirt's calls block.
      DispatchQueue(label: "libvirt:\(name)").async {
        continuation.resume(returning: Self.find(name, uri))
      }
    }
    switch answer {
    case .success(let domain):
      return BlockingQMPConnection(name: "libvirt:\(domain.name)") { try domain.execute($0) }
    case .failure(let error): throw .other("\(error)")
    }
  }

  private static func find(_ name: String, _ uri: String?) -> Result<LibvirtDomain, LibvirtError> {
    do throws(LibvirtError) {
      let domain = try LibvirtDomain.open(name: name, uri: uri)
      guard try domain.isRunning() else { throw .notRunning(name: domain.name, uri: domain.uri) }
      return .success(domain)
    } catch {
      return .failure(error)
    }
  }
}
