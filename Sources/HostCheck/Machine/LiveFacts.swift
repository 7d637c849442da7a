// SPDX-License-Identifier: Apache-2.0

import CLinux
public import QEMU

/// What can be asked of a running machine only, and not of its files.
public struct LiveFacts: Sendable {
  /// What the GPU's driver can do with a guest's buffers.
  public struct Graphics: Sendable {
    /// What the driver calls its renderer.
    public let renderer: String
    /// The renderer is a CPU.
    public let isSoftware: Bool
    /// dma-bufs can be imported.
    public let importsDMABufs: Bool
    /// They can be imported by explicit modifier.
    public let importsModifiers: Bool

    /// Makes facts of their parts.
    public init(
      renderer: String, isSoftware: Bool, importsDMABufs: Bool, importsModifiers: Bool
    ) {
      self.renderer = renderer
      self.isSoftware = isSoftware
      self.importsDMABufs = importsDMABufs
      self.importsModifiers = importsModifiers
    }
  }

  /// The QEMU that is installed, or why there is none.
  public let qemu: Result<QEMUProgram, QEMUError>
  /// Asks EGL on a render node (`nil`: without one); an error's text where that fails.
  public let graphics: @Sendable (_ renderNode: String?) -> Result<Graphics, GraphicsRefusal>
  /// Whether the user may read and write a file.
  public let mayUse: @Sendable (_ path: String) -> Bool
  /// Variables that tell of the session.
  public let environment: [String: String]

  /// Why a render node cannot be drawn with.
  public struct GraphicsRefusal: Error {
    /// One line.
    public let reason: String

    /// Makes a refusal of its line.
    public init(_ reason: String) { self.reason = reason }
  }

  /// Makes facts of their parts.
  public init(
    qemu: Result<QEMUProgram, QEMUError>,
    graphics: @escaping @Sendable (_ renderNode: String?) -> Result<Graphics, GraphicsRefusal>,
    mayUse: @escaping @Sendable (_ path: String) -> Bool, environment: [String: String]
  ) {
    self.qemu = qemu
    self.graphics = graphics
    self.mayUse = mayUse
    self.environment = environment
  }

  /// Asks this machine; access(2) for the rights.
  ///
  /// - Parameters:
  ///   - qemu: QEMU's program, a path or a name to be looked for in `PATH`.
  ///   - graphics: asks EGL, which this library knows nothing of.
  public init(
    qemu: String,
    graphics: @escaping @Sendable (_ renderNode: String?) -> Result<Graphics, GraphicsRefusal>
  ) {
    let program: Result<QEMUProgram, QEMUError>
    do {
      program = .success(try QEMUProgram.probe(qemu))
    } catch {
      program = .failure(error)
    }
    var environment: [String: String] = [:]
    for name in ["WAYLAND_DISPLAY", "DISPLAY", "XDG_SESSION_TYPE"] {
      environment[name] = getenv(name).map { String(cString: $0) }
    }
    self.init(
      qemu: program, graphics: graphics, mayUse: { access($0, R_OK | W_OK) == 0 },
      environment: environment)
  }
}
