// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// A vGPU that is to outlast the host's next start, as mdevctl keeps it.
struct LastingVGPU: Hashable {
  /// When it is made again.
  enum Start: String, Hashable, Codable {
    /// As soon as its parent is there.
    case auto
    /// When somebody starts it.
    case manual
  }

  let uuid: MdevUUID
  let parent: String
  let type: String
  let start: Start
}
