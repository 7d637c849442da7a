// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Why a guest cannot be started. Each case's description is one line that names the object, the
/// cause and the remedy.
@nonexhaustive
public enum QEMUError: Error, Hashable, Sendable {
  /// There is no such program.
  case notInstalled(String)
  /// The program was built without something that is needed.
  case lacks(String, feature: String)
  /// A file that the guest is to have is missing or not readable.
  case file(String, reason: String)
  /// Something of the host's that the guest is to have is missing, or not as it must be.
  case host(String, reason: String)
  /// No installed firmware is an UEFI for this machine.
  case noFirmware(machine: String, folders: [String])
  /// The kernel refused.
  case system(SystemCallError)
}

extension QEMUError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notInstalled(let name):
      "\(name): not found; install it (Debian: apt install qemu-system-x86) or name it with --qemu"
    case .lacks(let path, let feature):
      "\(path): this QEMU was built without \(feature); install your distribution's full package"
    case .file(let object, let reason), .host(let object, let reason):
      "\(object): \(reason)"
    case .noFirmware(let machine, let folders):
      """
      \(machine): no UEFI without Secure Boot is installed for this machine; install one (Debian: \
      apt install ovmf), whose descriptor is looked for in \(folders.joined(separator: ", "))
      """
    case .system(let error):
      error.description
    }
  }
}
