// SPDX-License-Identifier: Apache-2.0

/// Which pixels of a picture may have changed.
///
/// It holds up to four rectangles in place, so that passing it on allocates nothing. A fifth
/// rectangle is joined to the one that grows least by it. So the damage covers at least the
/// reported pixels, and may cover more.
public struct Damage: Hashable, Sendable {
  /// The most rectangles that are kept apart.
  public static let capacity = 4

  /// The left, top, right and bottom edge of each rectangle, in a small type, because every frame
  /// carries a damage.
  private var edges = (SIMD4<Int32>(), SIMD4<Int32>(), SIMD4<Int32>(), SIMD4<Int32>())
  /// The number of rectangles. None lies within another one.
  public private(set) var count = 0

  /// No pixel has changed.
  public init() {}

  /// The pixels of one rectangle have changed.
  public init(_ rectangle: PixelRectangle) { add(rectangle) }

  /// No pixel has changed.
  public var isEmpty: Bool { count == 0 }

  /// A rectangle.
  ///
  /// - Parameter index: from 0 to `count - 1`; the rectangle of any other index is empty.
  public subscript(index: Int) -> PixelRectangle { PixelRectangle(edges: self[edges: index]) }

  /// The pixels of a rectangle have changed too. Numbers beyond 32 bits count as the largest.
  public mutating func add(_ rectangle: PixelRectangle) {
    guard rectangle.width > 0, rectangle.height > 0 else { return }
    add(
      SIMD4(
        Int32(clamping: rectangle.x), Int32(clamping: rectangle.y),
        Int32(clamping: rectangle.x.addingClamped(rectangle.width)),
        Int32(clamping: rectangle.y.addingClamped(rectangle.height))))
  }

  /// Adds the rectangles of another damage.
  public mutating func add(_ other: Damage) {
    for index in 0..<other.count { add(other[edges: index]) }
  }

  /// The part that lies within a rectangle.
  public func clipped(to bounds: PixelRectangle) -> Damage {
    var damage = Damage()
    for index in 0..<count { damage.add(self[index].intersection(bounds)) }
    return damage
  }

  private mutating func add(_ new: SIMD4<Int32>) {
    for index in 0..<count where new.lies(within: self[edges: index]) { return }
    for index in (0..<count).reversed() where self[edges: index].lies(within: new) { remove(index) }
    guard count == Self.capacity else {
      self[edges: count] = new
      count += 1
      return
    }
    var best = 0
    for index in 1..<count where growth(index, new) < growth(best, new) { best = index }
    let joined = self[edges: best].joined(to: new)
    remove(best)
    add(joined)
  }

  private mutating func remove(_ index: Int) {
    count -= 1
    self[edges: index] = self[edges: count]
  }

  private func growth(_ index: Int, _ new: SIMD4<Int32>) -> Double {
    self[edges: index].joined(to: new).area - self[edges: index].area
  }

  private subscript(edges index: Int) -> SIMD4<Int32> {
    get {
      switch index {
      case 0: edges.0
      case 1: edges.1
      case 2: edges.2
      case 3: edges.3
      default: SIMD4()
      }
    }
    set {
      switch index {
      case 0: edges.0 = newValue
      case 1: edges.1 = newValue
      case 2: edges.2 = newValue
      default: edges.3 = newValue
      }
    }
  }

  /// Two are the same when they have the same rectangles in the same order.
  public static func == (left: Damage, right: Damage) -> Bool {
    left.count == right.count
      && (0..<left.count).allSatisfy { left[edges: $0] == right[edges: $0] }
  }

  public func hash(into hasher: inout Hasher) {
    for index in 0..<count { hasher.combine(self[edges: index]) }
  }
}

extension SIMD4<Int32> {
  fileprivate func lies(within other: SIMD4<Int32>) -> Bool {
    x >= other.x && y >= other.y && z <= other.z && w <= other.w
  }

  fileprivate func joined(to other: SIMD4<Int32>) -> SIMD4<Int32> {
    SIMD4(
      Swift.min(x, other.x), Swift.min(y, other.y), Swift.max(z, other.z), Swift.max(w, other.w))
  }

  /// A Double, because two differences of 32-bit numbers can be too large for an Int when multiplied.
  fileprivate var area: Double { (Double(z) - Double(x)) * (Double(w) - Double(y)) }
}

extension PixelRectangle {
  fileprivate init(edges: SIMD4<Int32>) {
    self.init(
      x: Int(edges.x), y: Int(edges.y), width: Int(edges.z) - Int(edges.x),
      height: Int(edges.w) - Int(edges.y))
  }
}

extension Int {
  fileprivate func addingClamped(_ other: Int) -> Int {
    let (sum, overflows) = addingReportingOverflow(other)
    return overflows ? (other > 0 ? .max : .min) : sum
  }
}
