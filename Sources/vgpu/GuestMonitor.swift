// SPDX-License-Identifier: Apache-2.0

import Attachment
import GuestControl
import LibvirtControl

extension GuestControl {
  /// A control of the guest that a source shows, wherever it comes back.
  ///
  /// - Parameter socket: where QEMU serves QMP, if the user has said so.
  @MainActor
  static func of(_ source: AttachedSource, target: Target, socket: String?) -> GuestControl? {
    if let socket { return GuestControl(.socket(socket)) }
    switch target {
    case .demo: return nil
    case .libvirt(let name, let daemon):
      return GuestControl(.other(LibvirtConnector(name: name, uri: daemon?.uri)))
    case .mdev, .process:
      let control = GuestControl(source.process.map { .process($0) })
      source.onProcess = { control.follow($0.map { .process($0) }) }
      return control
    }
  }
}
