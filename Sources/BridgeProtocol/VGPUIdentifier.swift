// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// Which vGPU of a bridge: an mdev's UUID, or a UUID that the bridge has made up for a vGPU that is
/// no mdev.
public typealias VGPUIdentifier = MdevUUID

extension MdevUUID {
  /// In a request: the only vGPU that a bridge shows to this client. All bytes are zero.
  public static let only = MdevUUID(high: 0, low: 0)
}
