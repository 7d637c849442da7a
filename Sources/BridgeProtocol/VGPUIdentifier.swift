// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// Which vGPU of a bridge: an mdev's UUID, or one that the bridge has made up for a vGPU that is no
/// mdev.
public typealias VGPUIdentifier = MdevUUID

extension MdevUUID {
  /// Stands in a request for the only vGPU that a bridge shows to this client: all bytes zero.
  public static let only = MdevUUID(high: 0, low: 0)
}
