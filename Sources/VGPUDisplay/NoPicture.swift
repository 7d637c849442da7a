// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
import SystemPackage
public import VFIO

/// The reason for an empty screen. The window shows the description.
@nonexhaustive
public enum NoPicture: Error {
  /// The guest shows no plane: its driver has not started, or it has switched the screen off.
  case planeOff
  /// The driver has answered with this transient error for longer than a mode set takes.
  case settingMode(VFIOError)
  /// The guest's plane makes no sense.
  case defective(PlaneDefect)
  /// The guest's buffer cannot be fetched.
  case unavailable(SystemCallError)
  /// The device has no display that VFIO can hand out.
  case noDisplay(device: String)
  /// No guest exists yet; the text names the awaited one.
  case waiting(String)
  /// The device is gone, or refuses all questions.
  case failed(VFIOError)
}

extension NoPicture {
  /// Whether the picture can come back by itself, so that another look makes sense.
  public var isTransient: Bool {
    switch self {
    case .planeOff, .settingMode, .defective, .unavailable, .waiting: true
    case .noDisplay, .failed: false
    }
  }
}

extension NoPicture: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .planeOff, .settingMode, .defective, .unavailable: .noPicture
    case .noDisplay: .noDisplay
    case .waiting: .notRunning
    // It was there when the source was made.
    case .failed(let error)
    where [.noSuchProcess, .operationNotSupportedByDevice, .noSuchAddressOrDevice]
      .contains(error.errno):
      ErrorClass(.notRunning, errno: error.errorClass.errno)
    case .failed(let error): error.errorClass
    }
  }
}

extension NoPicture: CustomStringConvertible {
  /// One line: the cause and the remedy.
  public var description: String {
    switch self {
    case .planeOff:
      "The guest has not initialised the display yet: its graphics driver has not started, or the screen is off."
    case .settingMode(let error):
      "The guest has been setting a mode for a while (\(error))."
    case .defective(let defect):
      "The guest's picture makes no sense: \(defect)."
    case .unavailable(let error):
      "The guest's picture cannot be had: \(error)."
    case .noDisplay(let device):
      "\(device): the device has no display: give the vGPU a type with one, and load its driver with display support."
    case .waiting(let what):
      what
    case .failed(let error):
      "\(error)"
    }
  }
}
