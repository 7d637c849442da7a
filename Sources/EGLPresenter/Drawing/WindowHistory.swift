// SPDX-License-Identifier: Apache-2.0

package import VGPUDisplay

/// What the last frames have changed in a window, and so what of a buffer that has an older frame must be
/// drawn anew. It is pure arithmetic, in device pixels.
struct WindowHistory {
  /// What is to be drawn.
  struct Redraw: Equatable {
    /// The pixels that may differ from the frame before; `nil` for all.
    let changed: Damage?
    /// The pixels that the buffer lacks; `nil` for all.
    let lacking: Damage?
  }

  /// The frames' changes, the newest at `newest`.
  private var changes = [Damage?](repeating: nil, count: Self.capacity)
  private var newest = 0
  /// The number of frames in `changes`.
  private var count = 0
  private var placement: Placement?
  private var pointer: PixelRectangle?

  /// More than the buffers of a window.
  static let capacity = 4

  /// Forgets all frames: the next one is drawn whole.
  mutating func forget() {
    count = 0
    placement = nil
    pointer = nil
  }

  /// Adds a frame.
  ///
  /// - Parameters:
  ///   - placement: the picture's place.
  ///   - pointer: the place of the pointer's picture; `nil` when there is no pointer.
  ///   - damage: the guest's pixels that may differ from the frame before; `nil` for all.
  ///   - age: how many frames ago the buffer was shown; 0 when its pixels are not known
  ///     (EGL_EXT_buffer_age).
  mutating func add(
    _ placement: Placement, pointer: PixelRectangle?, _ damage: Damage?, age: Int
  ) -> Redraw {
    let changed = change(placement, pointer, damage)
    let lacking = lacking(changed, age)
    newest = (newest + 1) % Self.capacity
    changes[newest] = changed
    count = min(count + 1, Self.capacity)
    self.placement = placement
    self.pointer = pointer
    return Redraw(changed: changed, lacking: lacking)
  }

  private func change(
    _ placement: Placement, _ pointer: PixelRectangle?, _ damage: Damage?
  ) -> Damage? {
    guard let damage, placement == self.placement else { return nil }
    var changed = placement.reach(ofGuest: damage)
    // The pointer's pixels may have changed as well.
    if let old = self.pointer { changed.add(old.intersection(placement.visible)) }
    if let pointer { changed.add(pointer.intersection(placement.visible)) }
    return changed
  }

  private func lacking(_ changed: Damage?, _ age: Int) -> Damage? {
    guard var lacking = changed, age > 0, age - 1 <= count else { return nil }
    for back in 0..<age - 1 {
      let index = (newest - back + Self.capacity) % Self.capacity
      guard let older = changes[index] else { return nil }
      lacking.add(older)
    }
    return lacking
  }
}

extension Placement {
  /// The area's pixels whose colours some of the guest's pixels take part in, inside the area.
  package func reach(ofGuest damage: Damage) -> Damage {
    var reach = Damage()
    for index in 0..<damage.count { reach.add(self.reach(ofGuest: damage[index])) }
    return reach
  }

  private func reach(ofGuest rectangle: PixelRectangle) -> PixelRectangle {
    let whole = guest.whole
    var part = rectangle.intersection(whole)
    guard part.width > 0, part.height > 0 else {
      return PixelRectangle(x: 0, y: 0, width: 0, height: 0)
    }
    guard filter == .linear else { return self.rectangle(ofGuest: part).intersection(visible) }
    // A mixture reaches one pixel of the guest far, and edges are rounded to the area's pixels.
    part = PixelRectangle(
      x: part.x - 1, y: part.y - 1, width: part.width + 2, height: part.height + 2)
    let place = self.rectangle(ofGuest: part)
    return PixelRectangle(
      x: place.x - 1, y: place.y - 1, width: place.width + 2, height: place.height + 2
    ).intersection(visible)
  }
}
