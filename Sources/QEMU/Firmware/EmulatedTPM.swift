// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A guest's TPM 2.0: a program of the host's, swtpm(8), emulates it for one guest.
public struct EmulatedTPM: Hashable, Sendable {
  /// The interface that the guest sees.
  @nonexhaustive
  public enum Model: String, CaseIterable, Sendable {
    /// Command and response buffers (CRB), TPM 2.0's own interface.
    case crb = "tpm-crb"
    /// A FIFO (TIS), for a QEMU without CRB.
    case tis = "tpm-tis"
  }

  /// The interface that the guest sees.
  public var model: Model
  /// The folder in which swtpm keeps the TPM's state; `nil` when a manager has one of its own.
  public var state: String?
  /// The path of the socket at which QEMU finds swtpm; `nil` when a manager starts swtpm.
  public var socket: String?

  /// Makes a TPM.
  public init(model: Model, state: String? = nil, socket: String? = nil) {
    self.model = model
    self.state = state
    self.socket = socket
  }

  /// The name of the program.
  public static let program = "swtpm"

  /// Finds swtpm in `PATH`.
  ///
  /// - Throws: `QEMUError.missing`, which names the package.
  public static func findProgram() throws(QEMUError) -> String {
    guard let path = ProgramPath.find(program) else {
      throw .missing(
        program,
        reason: """
          not found, and this program is the guest's TPM; install it (Debian, Fedora, Arch: the \
          package swtpm), or leave the TPM out
          """)
    }
    return path
  }

  /// swtpm's arguments. It ends when QEMU closes its connection.
  ///
  /// - Parameters:
  ///   - state: the folder with the TPM's state.
  ///   - listener: where QEMU connects.
  static func arguments(state: String, _ listener: String) -> [String] {
    // A comma would end the folder's name; swtpm has no way to escape one.
    ["socket", "--tpm2", "--tpmstate", "dir=\(state),mode=0600", "--ctrl", listener, "--terminate"]
  }

  /// swtpm's arguments for a listening socket under this descriptor number; `nil` without a state.
  public func arguments(listener: Int32) -> [String]? {
    state.map { Self.arguments(state: $0, "type=unixio,fd=\(listener)") }
  }

  /// The words of a command that starts swtpm in the background, for a person who starts QEMU;
  /// `nil` when a manager starts swtpm.
  ///
  /// - Parameter program: the program's name or path.
  public func command(program: String = Self.program) -> [String]? {
    guard let state, let socket else { return nil }
    return [program] + Self.arguments(state: state, "type=unixio,path=\(socket),mode=0600")
      + ["--daemon"]
  }
}

extension EmulatedTPM {
  /// Gives the folder with the state of a guest's TPM, and makes it when there is none. The TPM
  /// keeps its keys there from one start to the next, so the folder belongs to the guest, as its
  /// UEFI variables do.
  ///
  /// - Parameters:
  ///   - guest: the name by which the guest's UEFI variables are found too (`VariableStore.make`).
  ///   - folder: the existing folder for guests' files, which only this user may enter.
  /// - Throws: `QEMUError.file` when the folder cannot be made.
  public static func makeState(of guest: String, in folder: String) throws(QEMUError) -> String {
    var files = NewGuestFiles()
    return try makeState(of: guest, in: folder, noting: &files)
  }

  /// The same.
  ///
  /// - Parameter files: gets the folder when there was none.
  package static func makeState(
    of guest: String, in folder: String, noting files: inout NewGuestFiles
  ) throws(QEMUError) -> String {
    let path = "\(folder)/\(FileNamePart.of(path: guest, limit: 64)).tpm"
    guard !path.contains(",") else {
      throw .file(
        path,
        reason: "swtpm takes no folder with a comma in its name; set XDG_STATE_HOME to another one")
    }
    if mkdir(path, 0o700) == 0 {
      files.tpm = path
    } else if vgpu_last_errno() != EEXIST {
      throw .file(
        path,
        reason: """
          \(Errno(rawValue: vgpu_last_errno())); set XDG_STATE_HOME to a folder of yours
          """)
    }
    guard let status = try? Stat(path, followTargetSymlink: false), status.type == .directory else {
      throw .file(path, reason: "is no folder; move it away")
    }
    return path
  }

  /// Refuses a state that a running swtpm has (fcntl(2), F_GETLK): a second guest with it would
  /// fail without a reason.
  ///
  /// - Parameter state: the folder with the TPM's state.
  /// - Throws: `QEMUError.file`, which names the process.
  public static func checkFree(state: String) throws(QEMUError) {
    guard let file = try? OwnedFileDescriptor.open("\(state)/.lock", flags: O_RDWR) else { return }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    let answer = withUnsafeMutablePointer(to: &lock) {
      vgpu_fcntl(file.rawValue, F_GETLK, Int(bitPattern: $0))
    }
    guard answer == 0, lock.l_type != Int16(F_UNLCK) else { return }
    throw .file(
      state,
      reason: """
        the TPM's state is in use by process \(lock.l_pid), another guest's swtpm; end that guest \
        first
        """)
  }
}
