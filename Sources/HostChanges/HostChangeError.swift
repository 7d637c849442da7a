// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import HostDevices
public import PersistentDevices

/// Why a change to the host's devices was not made. Each case's description is one line that names the
/// object, the cause and the remedy.
@nonexhaustive
public enum HostChangeError: Error, Hashable, Sendable {
  /// A mediated device was not made or not removed.
  case host(HostDevicesError)
  /// A vGPU that is a PCI function was not made or not removed.
  case functions(VirtualFunctionError)
  /// A function was not bound, unbound or restored.
  case binding(PCIBindingError)
  /// mdevctl or driverctl was not told, or refused.
  case persistence(PersistenceError)
  /// The helper or polkit said something else than that it is done.
  case helper(HelperRefusal)
}

/// What a change's helper, or polkit before it, said instead of doing the change.
@nonexhaustive
public enum HelperRefusal: Error, Hashable, Sendable {
  /// The person closed the dialog, or gave no password.
  case dismissed
  /// polkit gave no right to it, for this reason.
  case notAuthorized(String)
  /// pkexec could not be started.
  case notStarted(String)
  /// The helper did not make the change; its own line says why. The exit code is one of the command's
  /// (docs/json.md).
  case failed(String, code: Int32)
  /// The helper ended without an answer that makes sense.
  case malformed(String)
  /// Such a change is root's alone, for this reason.
  case beyondTheAction(String)
  /// The words are no change that the helper knows.
  case notUnderstood(String)
}

extension HostChangeError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .host(let error): error.errorClass
    case .functions(let error): error.errorClass
    case .binding(let error): error.errorClass
    case .persistence(let error): error.errorClass
    case .helper(.dismissed), .helper(.notAuthorized), .helper(.beyondTheAction): .notPermitted
    case .helper(.failed(_, let code)): ErrorClass(ErrorClass.Kind(exitCode: code))
    case .helper(.notUnderstood): .argument
    case .helper(.notStarted), .helper(.malformed): .other
    }
  }
}

extension HostChangeError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .host(let error): error.description
    case .functions(let error): error.description
    case .binding(let error): error.description
    case .persistence(let error): error.description
    case .helper(let refusal): refusal.description
    }
  }
}

extension HelperRefusal: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .dismissed: "polkit: you have not given your consent; try again, or run it as root"
    case .notAuthorized(let reason):
      """
      polkit: \(reason); run it as root, or have the administrator allow it to you \
      (docs/host.md, "Making vGPUs without sudo")
      """
    case .notStarted(let reason): "pkexec: \(reason); run it as root"
    case .failed(let reason, _): reason
    case .malformed(let reason):
      "\(PolkitHelper.name): \(reason); is it of the same version as this program? Install both anew"
    case .beyondTheAction(let reason): "\(PolkitHelper.name): \(reason); do this as root"
    case .notUnderstood(let reason): "\(PolkitHelper.name): \(reason); let vgpu call it"
    }
  }
}
