// SPDX-License-Identifier: Apache-2.0

import GuestInput
import Testing

@testable import QEMUDisplay

/// The console's pixel that leads a guest's pointer to the pixel that a person points at.
struct PointerPlaceTests {
  /// The guest's pixel, for a console of this side: QEMU makes a place of it, and the guest a pixel.
  private func arrival(_ pixel: UInt32, console: Int, guest: Int) -> Int {
    (Int(pixel) * GuestInputEvent.absoluteMaximum / console * guest) >> 15
  }

  /// A guest that the console shows, and a guest on its vGPU with a larger console beside it.
  @Test(arguments: [
    (640, 640), (1080, 1080), (1920, 1920), (3840, 3840), (640, 720), (640, 1024), (480, 768),
    (800, 1024), (1280, 1600),
  ])
  func everyPixelIsReached(guest: Int, console: Int) {
    // QEMU's display cannot name the far edge of a guest of the console's size.
    for pixel in 0..<(guest == console ? guest - 1 : guest) {
      let middle = (2 * pixel + 1) * (GuestInputEvent.absoluteMaximum + 1) / (2 * guest)
      let named = ConsoleInput.Shared.pixel(middle, of: console)
      #expect(arrival(named, console: console, guest: guest) == pixel)
    }
  }

  /// A smaller console leads to a neighbour at most.
  @Test(arguments: [(480, 400), (1280, 1024), (1920, 1024), (1080, 768)])
  func smallerConsole(guest: Int, console: Int) {
    for pixel in 0..<guest {
      let middle = (2 * pixel + 1) * (GuestInputEvent.absoluteMaximum + 1) / (2 * guest)
      let named = ConsoleInput.Shared.pixel(middle, of: console)
      #expect(abs(arrival(named, console: console, guest: guest) - pixel) <= 1)
    }
  }
}
