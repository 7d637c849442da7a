// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What there is to say of a vGPU: as `vgpu list` shows it.
///
/// In JSON all that `HostHardware` knows of a running one, with the processes that hold it as `users`;
/// `lasts` is how it is made again, left out for one that is not.
enum VGPUReport: Encodable {
  case running(MdevDevice, users: [Int32], lasting: LastingVGPU.Start?)
  case stopped(LastingVGPU)

  private enum Key: String, CodingKey { case uuid, type, parent, users, lasts, isRunning }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .running(let device, let users, let lasting):
      try device.encode(to: encoder)
      try container.encode(users, forKey: .users)
      try container.encodeIfPresent(lasting, forKey: .lasts)
      try container.encode(true, forKey: .isRunning)
    case .stopped(let vGPU):
      try container.encode(vGPU.uuid, forKey: .uuid)
      try container.encode(vGPU.type, forKey: .type)
      try container.encode(vGPU.parent, forKey: .parent)
      try container.encode([Int32](), forKey: .users)
      try container.encode(vGPU.start, forKey: .lasts)
      try container.encode(false, forKey: .isRunning)
    }
  }
}
