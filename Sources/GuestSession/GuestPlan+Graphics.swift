// SPDX-License-Identifier: Apache-2.0

import Glibc
import HostDevices
public import QEMU

extension GuestPlan {
  /// What kind of graphics the guest has, chosen or by itself.
  public var graphics: GuestProfile { profile ?? (vGPU == nil ? .virtio : .gvtG) }

  /// Checks that the parts of the guest's graphics go together.
  func checkGraphics() throws(GuestError) {
    let isWhole = graphics == .igd || graphics == .gpu
    guard isWhole || gpu == nil && rom == nil && hasVGA == nil else {
      throw .unsuitable(
        "a GPU, its ROM or its VGA", reason: "needs a whole GPU; choose the profile gpu or igd")
    }
    guard graphics == .virtio || hasGL != true else {
      throw .unsuitable("OpenGL", reason: "needs a virtio GPU; choose the profile virtio")
    }
    switch graphics {
    case .virtio:
      guard vGPU == nil else {
        throw .unsuitable("profile virtio", reason: "has no vGPU; choose the profile gvt-g")
      }
      guard hasBootScreen != true else {
        throw .unsuitable(
          "a boot screen", reason: "needs a vGPU; a virtio GPU shows the firmware by itself")
      }
    case .gvtG:
      guard vGPU != nil else {
        throw .unsuitable(
          "profile gvt-g", reason: "name a vGPU, or a type to make one of; or choose virtio")
      }
    case .gpu:
      guard gpu != nil else {
        throw .unsuitable("profile gpu", reason: "name the graphics card")
      }
    case .igd:
      guard hasVGA == nil else {
        throw .unsuitable("VGA", reason: "needs a graphics card; choose the profile gpu")
      }
    }
  }

  /// Adds what QEMU draws, and QEMU's display for it.
  ///
  /// - Parameters:
  ///   - trial: tries OpenGL on this host; `nil` to believe that every render node works.
  ///   - isHere: `false` for a guest that is only described: the description has what this QEMU or this
  ///     host lacks, and reports it.
  func addDisplay(
    to configuration: inout GuestConfiguration, for program: QEMUProgram, on host: HostHardware,
    trying trial: OpenGLTrial?, _ isHere: Bool, _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    guard graphics == .virtio else {
      // A vGPU has a screen without QEMU's display: the display adds the boot screen and input.
      guard vGPU != nil else { return }
      guard program.hasDBusDisplay else { return onNotice(.noDisplay(program: program.path)) }
      configuration.display = .dbus(hasGL: false)
      return
    }
    func need(
      _ isThere: Bool, _ missing: @autoclosure () -> QEMUError
    ) throws(GuestError) {
      if isThere { return }
      guard !isHere else { throw .qemu(missing()) }
      onNotice(.supposed("the description assumes it", reason: "\(missing())"))
    }
    try need(program.hasDBusDisplay, .lacks(program.path, feature: QEMUProgram.displayFeature))
    let nodes = HostHardware.renderNodes.filter(host.mayOpen)
    let (node, refusal) = drawingNode(among: nodes, for: program, trial)
    if hasGL == nil, node == nil, let refusal {
      onNotice(.noOpenGL(node: refusal.node, reason: refusal.reason))
    }
    let hasGL = hasGL ?? (node != nil)
    if hasGL {
      try need(
        !nodes.isEmpty,
        .noRights(
          "/dev/dri/renderD*",
          reason: """
            no render node may be opened, so no GPU can draw for the guest; join the group render, \
            or leave OpenGL out
            """))
      if node == nil, let refusal {
        try need(
          false,
          .host(
            refusal.node,
            reason: "\(refusal.reason); install the GPU's driver, or leave OpenGL out"))
      }
      // QEMU takes the first by itself.
      if let node, node != nodes.first { configuration.renderNode = node }
    }
    let gpu = hasGL ? QEMUProgram.VirtioGPU.gl : .plain
    try need(
      program.virtioGPUs.contains(gpu),
      .lacks(program.path, feature: "the device \(gpu.rawValue)"))
    configuration.hasVirtioGPU = true
    configuration.display = .dbus(hasGL: hasGL)
  }
}

extension GuestPlan {
  /// The render node on which QEMU can draw for the guest; `nil` when none is wanted, and when none works.
  /// The refusal is the first node's that was tried in vain.
  private func drawingNode(
    among nodes: [String], for program: QEMUProgram, _ trial: OpenGLTrial?
  ) -> (node: String?, refusal: (node: String, reason: String)?) {
    guard hasGL ?? (!isWindows && program.virtioGPUs.contains(.gl)) else { return (nil, nil) }
    guard let trial else { return (nodes.first, nil) }
    var slow: String?
    var refusal: (node: String, reason: String)?
    for node in nodes {
      switch trial(node) {
      case .works: return (node, nil)
      case .isSlow(let reason):
        slow = slow ?? node
        refusal = refusal ?? (node, reason)
      case .fails(let reason): refusal = refusal ?? (node, reason)
      }
    }
    // Whoever asks for OpenGL gets it, also from a CPU.
    return (hasGL == true ? slow : nil, refusal)
  }

  /// Adds an audio device whose sound QEMU's display hands out.
  func addSound(
    to configuration: inout GuestConfiguration, for program: QEMUProgram, _ isHere: Bool,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    guard hasSound != false, configuration.display != .none else {
      guard hasSound != true else {
        throw .unsuitable(
          "sound", reason: "needs QEMU's D-Bus display, and a vGPU or a virtio GPU beside it")
      }
      return
    }
    if !program.hasDBusSound {
      guard hasSound == true else { return onNotice(.noSound(program: program.path)) }
      let defect = QEMUError.lacks(program.path, feature: QEMUProgram.soundFeature)
      guard !isHere else { throw .qemu(defect) }
      onNotice(.supposed("the description assumes it", reason: "\(defect)"))
    }
    configuration.hasSound = true
  }
}

extension QEMUProgram {
  /// Sound by the D-Bus display, for people.
  static let soundFeature = "sound by the D-Bus display (-audiodev dbus, in QEMU 9.0 or newer)"
  /// The D-Bus display's name for people.
  static let displayFeature = "the D-Bus display (-display dbus)"
}
