// SPDX-License-Identifier: Apache-2.0

import CLinux
public import QEMU

/// Facts that only a running machine can tell, and not its files.
public struct LiveFacts: Sendable {
  /// The abilities of the GPU's driver for a guest's buffers.
  public struct Graphics: Sendable {
    /// The driver's name for its renderer.
    public let renderer: String
    /// Whether the renderer is a CPU.
    public let isSoftware: Bool
    /// Whether the driver can import dma-bufs.
    public let importsDMABufs: Bool
    /// Whether the driver can import dma-bufs with an explicit modifier.
    public let importsModifiers: Bool
    /// Whether the driver can share its own pictures as dma-bufs. It is taken to be able to when it was
    /// not tried.
    public var sharesPictures = true

    /// Makes facts from their parts.
    public init(
      renderer: String, isSoftware: Bool, importsDMABufs: Bool, importsModifiers: Bool
    ) {
      self.renderer = renderer
      self.isSoftware = isSoftware
      self.importsDMABufs = importsDMABufs
      self.importsModifiers = importsModifiers
    }
  }

  /// The installed QEMU, or the reason why there is none.
  public let qemu: Result<QEMUProgram, QEMUError>
  /// Asks EGL on a render node (`nil`: without one). A failure has the error's text.
  public let graphics: @Sendable (_ renderNode: String?) -> Result<Graphics, GraphicsRefusal>
  /// Whether the user may read and write a file.
  public let mayUse: @Sendable (_ path: String) -> Bool
  /// The environment variables that describe the session.
  public let environment: [String: String]

  /// Why a render node cannot draw.
  public struct GraphicsRefusal: Error {
    /// The reason in one line.
    public let reason: String

    /// Makes a refusal from its reason.
    public init(_ reason: String) { self.reason = reason }
  }

  /// Makes facts from their parts.
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

  /// Asks this machine. It checks rights with access(2).
  ///
  /// - Parameters:
  ///   - qemu: QEMU's program, as a path or as a name to search in `PATH`.
  ///   - graphics: a function that asks EGL, because this library does not use EGL.
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
