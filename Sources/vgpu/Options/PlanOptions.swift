// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSession
import QEMU

/// A guest as a command line describes it, for the commands that start or print one.
struct PlanOptions: ParsableArguments {
  @OptionGroup(title: "GRAPHICS")
  var graphics: GraphicsOptions

  @OptionGroup(title: "GUEST")
  var guest: GuestOptions

  @OptionGroup(title: "DEVICES OF THE HOST")
  var passthrough: PassthroughOptions

  @OptionGroup(title: "RESOURCES OF THE HOST")
  var resources: ResourceOptions

  @Argument(parsing: .postTerminator, help: "Pass these words to QEMU.")
  var extra: [String] = []

  var plan: GuestPlan {
    var plan = GuestPlan()
    graphics.add(to: &plan)
    guest.add(to: &plan)
    passthrough.add(to: &plan)
    resources.add(to: &plan)
    plan.extra = extra
    return plan
  }

  /// What a body returns that carries the plan out. Options that do not go together with the host's
  /// devices are wrong usage too.
  static func carryingOut<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as GuestError {
      guard case .unsuitable = error else { throw error }
      throw ValidationError("\(error)")
    }
  }
}

extension GuestNotice {
  /// Tells the user, but not of what the user has asked for.
  func show() {
    switch self {
    case .vGPUMade: break
    case .supposed, .noDisplay, .noSound, .noOpenGL, .folderShared:
      StandardError.write("vgpu: note: \(self)")
    case .emulated, .lockedMemory, .firmwareNeedsROM, .notPinned, .diskCanOutgrow:
      StandardError.write("vgpu: warning: \(self)")
    }
  }
}
