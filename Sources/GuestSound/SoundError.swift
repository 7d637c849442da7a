// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem

/// Why no sound can be played or recorded.
@nonexhaustive
public enum SoundError: Error, Sendable {
  /// The client library of sound servers is not there; the text is the loader's.
  case notInstalled(reason: String)
  /// The sound server cannot be reached, or refuses; the text is the library's.
  case server(reason: String)
  /// A system call failed here.
  case system(SystemCallError)
}

extension SoundError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .notInstalled: .unsupported
    case .server: .notRunning
    case .system(let error): error.errorClass
    }
  }
}

extension SoundError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notInstalled(let reason):
      "sound: \(reason); install libpulse (libpulse0 on Debian)"
    case .server(let reason):
      "the sound server: \(reason); start PipeWire with pipewire-pulse, or PulseAudio"
    case .system(let error): "\(error)"
    }
  }
}
