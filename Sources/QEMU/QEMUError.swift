// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem

/// Why a guest cannot be started. Each case's description is one line that names the object, the
/// cause and the remedy.
@nonexhaustive
public enum QEMUError: Error, Hashable, Sendable {
  /// There is no such program.
  case notInstalled(String)
  /// The program was built without a feature that the guest needs.
  case lacks(String, feature: String)
  /// A file for the guest is not readable, or not valid.
  case file(String, reason: String)
  /// A file, device or network interface for the guest does not exist.
  case missing(String, reason: String)
  /// This user may not use a device or a folder of the host's.
  case noRights(String, reason: String)
  /// A host device or host resource for the guest is not in the right state.
  case host(String, reason: String)
  /// No installed firmware is a UEFI for this machine.
  case noFirmware(machine: String, folders: [String])
  /// No installed firmware is a UEFI with Secure Boot and keys for this machine.
  case noSecureFirmware(machine: String, folders: [String])
  /// The kernel refused a system call.
  case system(SystemCallError)
}

extension QEMUError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .notInstalled, .missing: .notFound
    case .noRights: .notPermitted
    case .lacks: .unsupported
    case .file, .host, .noFirmware, .noSecureFirmware: .other
    case .system(let error): error.errorClass
    }
  }
}

extension QEMUError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notInstalled(let name):
      "\(name): not found; install it (Debian: apt install qemu-system-x86) or name it with --qemu"
    case .lacks(let path, let feature):
      "\(path): this QEMU was built without \(feature); install your distribution's full package"
    case .file(let object, let reason), .missing(let object, let reason),
      .noRights(let object, let reason), .host(let object, let reason):
      "\(object): \(reason)"
    case .noFirmware(let machine, let folders):
      """
      \(machine): no UEFI without Secure Boot is installed for this machine; install one (Debian: \
      apt install ovmf) with its descriptor in one of: \(folders.joined(separator: ", "))
      """
    case .noSecureFirmware(let machine, let folders):
      """
      \(machine): no UEFI with Secure Boot and Microsoft's keys is installed for this machine; \
      install one (Debian: apt install ovmf; Fedora: edk2-ovmf) with its descriptor in one of: \
      \(folders.joined(separator: ", "))
      """
    case .system(let error):
      error.description
    }
  }
}
