// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VGPUDisplay

/// A copy of the guest's picture that GTK's thread waits for and the render thread makes, as it has
/// the source to itself.
final class PictureRequest: Sendable {
  private let outcome = Mutex<Result<Picture, ScreenshotError>>(
    .failure(.noPicture("the view has ended")))

  func settle(_ outcome: Result<Picture, ScreenshotError>) {
    self.outcome.withLock { $0 = outcome }
  }

  func picture() throws(ScreenshotError) -> Picture { try outcome.withLock { $0 }.get() }
}
