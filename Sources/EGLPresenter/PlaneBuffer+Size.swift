// SPDX-License-Identifier: Apache-2.0

import DMABuf
public import VGPUDisplay

extension PlaneBuffer {
  /// The picture's size.
  public var size: PixelSize { PixelSize(width: layout.width, height: layout.height) }
}
