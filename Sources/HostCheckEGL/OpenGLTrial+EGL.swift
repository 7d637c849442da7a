// SPDX-License-Identifier: Apache-2.0

public import GuestSession
import HostCheck

extension OpenGLTrial {
  /// Asks EGL in this process, into which it loads the GPU's driver. A driver that crashes takes the process
  /// along.
  public static let inThisProcess = OpenGLTrial { node in
    switch LiveFacts.graphics(on: node) {
    case .failure(let refusal): .fails(refusal.reason)
    case .success(let graphics) where !graphics.sharesPictures:
      .fails("\(graphics.renderer) cannot share its pictures")
    case .success(let graphics) where graphics.isSoftware:
      .isSlow("\(graphics.renderer) is a CPU")
    case .success: .works
    }
  }
}
