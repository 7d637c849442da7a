// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestControl
import ViewerGTK

/// What becomes of a guest when its window is closed.
enum GuestEnding: String, CaseIterable, ExpressibleByArgument {
  case ask
  case leave
  case powerDown = "power-down"
  case kill
}

/// Carries out what becomes of the guest.
@MainActor
final class GuestEnder {
  /// Whether the guest is to be ended at once, when the window is gone.
  private(set) var kills = false
  private let control: GuestController

  init(_ control: GuestController) { self.control = control }

  /// What the window asks before it closes; `nil` where there is nothing to ask.
  func question(_ ending: GuestEnding) -> CloseQuestion? {
    switch ending {
    case .ask:
      CloseQuestion(
        title: "The guest is running.",
        text: """
          It can power down, as by its power button; go on without a window, to be shown again by \
          `vgpu view`; or be killed, which loses what it has not written to its disks.
          """,
        answers: [
          .init("Kill", isDestructive: true) { [self] in kill() },
          .init("Leave running") { .close },
          .init("Power down") { [self] in powerDown() },
        ])
    case .leave: nil
    case .powerDown:
      CloseQuestion(
        title: "Power the guest down?", text: "The window closes when it has.",
        answers: [.init("Power down") { [self] in powerDown() }])
    case .kill:
      CloseQuestion(
        title: "Kill the guest?", text: "What it has not written to its disks is lost.",
        answers: [.init("Kill", isDestructive: true) { [self] in kill() }])
    }
  }

  private func kill() -> CloseQuestion.Outcome {
    kills = true
    return .close
  }

  private func powerDown() -> CloseQuestion.Outcome {
    let control = control
    // Not on the main actor: GTK runs its thread, and no queue of tasks.
    Task.detached {
      do {
        try await control.powerDown()
      } catch {
        GuestRun.say("the guest cannot be told to power down: \(error)")
      }
    }
    return .stay(status: "Waiting for the guest to power down")
  }
}
