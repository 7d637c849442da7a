// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
public import QMP

/// Why QEMU's display on D-Bus cannot be used.
@nonexhaustive
public enum QEMUDisplayError: Error, Sendable {
  /// This QEMU has no display on D-Bus: it was started with another `-display`, or its D-Bus module
  /// is not installed.
  case noDisplay(guest: String)
  /// The display is on a bus, and takes no direct connections (`p2p=yes`).
  case notPeerToPeer(guest: String)
  /// QEMU cannot be asked.
  case qmp(QMPError)
  /// The connection cannot be made, or has ended.
  case connection(guest: String, reason: String)
  /// Another program has taken the display's control over: QEMU has one such client at a time.
  case takenOver(guest: String)
  /// The display has no console with this number.
  case noConsole(guest: String, head: Int, heads: Int)
  /// Another source of the same client shows this head.
  case shownAlready(guest: String, head: Int)
  /// QEMU draws with OpenGL (`gl=on`), and cannot share the pictures: its driver exports no dma-bufs.
  case noSharedPicture(guest: String)
  /// QEMU has no sound for its display; the text is QEMU's.
  case noSound(guest: String, reason: String)
  /// This QEMU is so old that it would end if somebody listened to its sound.
  case deadlySound(guest: String)
  /// QEMU refuses a call, or does not know it.
  case refused(guest: String, call: String, reason: String)
  /// QEMU sends something that makes no sense.
  case malformed(guest: String, DisplayDefect)
  /// A system call failed here.
  case system(SystemCallError)
}

extension QEMUDisplayError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .noDisplay, .notPeerToPeer, .noConsole: .noDisplay
    case .qmp(let error): error.errorClass
    case .connection: .notRunning
    case .takenOver, .shownAlready: .busy
    case .refused, .malformed, .noSharedPicture, .noSound, .deadlySound:
      .unsupported
    case .system(let error): error.errorClass
    }
  }
}

extension QEMUDisplayError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .noDisplay(let guest):
      "\(guest): this QEMU has no display on D-Bus; start it with -display dbus,p2p=yes"
    case .notPeerToPeer(let guest):
      "\(guest): this QEMU's D-Bus display takes no direct connections; start it with -display dbus,p2p=yes"
    case .qmp(let error): "\(error)"
    case .connection(let guest, let reason): "\(guest): the D-Bus display: \(reason)"
    case .takenOver(let guest):
      "\(guest): another program has taken the D-Bus display over; end that program, or take the display back"
    case .noConsole(let guest, let head, let heads):
      heads == 0
        ? "\(guest): QEMU has no graphical console; give the guest a display device"
        : "\(guest): there is no head \(head); the guest has \(heads): 0 to \(heads - 1)"
    case .noSharedPicture(let guest):
      "\(guest): QEMU's OpenGL cannot share its pictures, and QEMU's messages say why; leave gl=on out, or name another rendernode"
    case .noSound(let guest, let reason):
      """
      \(guest): QEMU's D-Bus display has no sound (\(reason)); start QEMU with \
      -audiodev dbus,id=audio0,timer-period=5000 -display dbus,p2p=yes,audiodev=audio0
      """
    case .deadlySound(let guest):
      """
      \(guest): this QEMU is too old for sound by its D-Bus display, and would end; start the guest in a \
      newer QEMU, such as 10.0
      """
    case .shownAlready(let guest, let head):
      "\(guest): head \(head) is shown here already; show that source, or end it first"
    case .refused(let guest, let call, let reason): "\(guest): \(call): QEMU refuses: \(reason)"
    case .malformed(let guest, let defect): "\(guest): the D-Bus display: \(defect)"
    case .system(let error): "\(error)"
    }
  }
}
