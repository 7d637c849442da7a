// SPDX-License-Identifier: Apache-2.0

/// How a guest's picture is sized to the area that shows it. The aspect ratio is always kept.
public enum ScalingMode: String, CaseIterable, Hashable, Sendable {
  /// As large as the area allows without cutting anything off.
  case fit
  /// The largest whole multiple that fits, so that all pixels are equally large and sharp; as
  /// `fit` where the area is smaller than the picture.
  case integer
  /// One pixel of the guest to one of the device, cut off at the edges where the area is smaller.
  case oneToOne = "1:1"
  /// Covers the whole area, cut off at two edges where the aspect ratios differ.
  case fill
}
