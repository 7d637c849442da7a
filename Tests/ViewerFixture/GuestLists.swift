// SPDX-License-Identifier: Apache-2.0

import ViewerGTK

/// A list of so many guests, which tells what the user does with them.
@MainActor
enum GuestLists {
  private static weak var shown: GuestListWindow?

  private static var choices: [GuestListChoice] {
    ["small", "large"].map { name in
      GuestListChoice(label: name, isPossible: name == "small") { report("make=\(name)") }
    }
  }

  static func run(_ count: Int) throws {
    let window = try GuestListWindow(
      GuestListWindow.Actions(
        open: { report("open=\($0)") }, start: { report("start=\($0)") },
        demo: { report("demo") }, make: { shown?.offer(choices) }, look: { _ in }))
    shown = window
    let guests = (0..<count).map { number in
      GuestListItem(
        id: "\(number)", icon: "computer-symbolic", title: "guest \(number)", detail: "somewhere",
        state: "Off", obstacle: nil, canStart: true, target: "target-\(number)")
    }
    window.show(guests, isComplete: true)
    window.run()
  }
}
