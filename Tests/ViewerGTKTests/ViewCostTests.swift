// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What a further view in a process takes, and that all of it comes back. `Benchmarks/view-cost` tells
/// the memory too.
@Suite(.serialized, Screen.isPossible)
struct ViewCostTests {
  /// A program with any number of views.
  private final class Program {
    private let screen: Screen
    private let tool: Tool

    init(on screen: Screen) throws {
      self.screen = screen
      tool = try screen.view(["views", "width=320", "height=240", "frames=5"], isTold: true)
    }

    deinit {
      try? tool.tell("quit")
      _ = try? tool.finish()
    }

    /// Has something done, and waits until all views have shown frames since.
    ///
    /// - Returns: the program's lines, but for the one that it is done.
    @discardableResult
    func tell(_ order: String) throws -> [String] {
      try tool.carryOut(order)
    }

    /// The names of its threads, and what its descriptors are of, but for the guests' buffers.
    func holdings() throws -> Holdings {
      let (files, folder) = (FileManager.default, "/proc/\(tool.pid)")
      let threads = try files.contentsOfDirectory(atPath: "\(folder)/task").compactMap {
        try? String(contentsOfFile: "\(folder)/task/\($0)/comm", encoding: .utf8)
      }
      let descriptors = try files.contentsOfDirectory(atPath: "\(folder)/fd").compactMap {
        try? files.destinationOfSymbolicLink(atPath: "\(folder)/fd/\($0)")
      }.filter { !$0.hasPrefix("/memfd:demo") && !$0.hasPrefix("/dmabuf") }
      return Holdings(threads: threads, descriptors: descriptors)
    }
  }

  private struct Holdings {
    var threads: [String]
    var descriptors: [String]

    /// How many connections there are.
    var sockets: Int { descriptors.count { $0.hasPrefix("socket:") } }
  }

  /// Its render thread; two eventfds, a timerfd and, on X11, a connection for its window's events.
  @Test(arguments: [Screen.Kind.xvfb, .westonPixman])
  func aFurtherViewTakesAThread(kind: Screen.Kind) throws {
    let program = try Program(on: Screen(kind))
    try program.tell("view")
    let one = try program.holdings()
    for _ in 0..<2 { try program.tell("view") }
    let three = try program.holdings()
    #expect(three.threads.count - one.threads.count == 2, "\(three.threads)")
    #expect(
      three.descriptors.count - one.descriptors.count <= 2 * (kind.isWayland ? 3 : 4),
      "\(three.descriptors)")
    for _ in 0..<2 { try program.tell("end") }
    let again = try program.holdings()
    #expect(again.threads.count == one.threads.count, "\(again.threads)")
    #expect(again.descriptors.count == one.descriptors.count, "\(again.descriptors)")
  }

  /// The connection on which EGL draws, and the threads that its renderer has for it, end with the
  /// last view, and come back with the next.
  @Test func theLastViewPutsAllBack() throws {
    let program = try Program(on: Screen(.xvfb))
    try program.tell("window")
    let none = try program.holdings()
    // The first view, for what libraries keep.
    try program.tell("view")
    try program.tell("end")
    let one = try program.holdings()
    #expect(one.threads.count == none.threads.count, "\(one.threads)")
    #expect(one.sockets == none.sockets, "\(one.descriptors)")
    for _ in 0..<2 { try program.tell("view") }
    let two = try program.holdings()
    for _ in 0..<2 { try program.tell("end") }
    let after = try program.holdings()
    #expect(two.threads.count > none.threads.count + 2)
    #expect(after.threads.count == none.threads.count, "\(after.threads)")
    #expect(after.descriptors.count == one.descriptors.count, "\(after.descriptors)")
  }

  /// Views on several X servers draw on a connection to each.
  @Test func viewsAreOnSeveralServers() throws {
    let (screen, other) = (try Screen(.xvfb), try Screen(.xvfb))
    let program = try Program(on: screen)
    let name = try #require(other.environment["DISPLAY"] ?? nil)
    for order in ["view", "view \(name)", "view"] { try program.tell(order) }
    let frames = try program.tell("frames")
    #expect(frames.count == 3)
    #expect(frames.allSatisfy { $0.hasSuffix("path=upload fallback=none") }, "\(frames)")
    for _ in 0..<2 { try program.tell("end") }
  }
}
