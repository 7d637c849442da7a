// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
import SystemPackage

/// Why nothing is shown without a compositor.
@nonexhaustive
public enum KMSError: Error, Hashable, Sendable {
  /// There is no card with a display engine, or the one that was named has none.
  case noCard(String?)
  /// A card's node cannot be opened.
  case unopened(SystemCallError)
  /// Another program decides what the card shows.
  case notMaster(card: String)
  /// The card's driver does not offer the kernel's atomic interface.
  case notAtomic(card: String)
  /// No connector has this name; those with a monitor are offered.
  case noConnector(String, offered: [String])
  /// Several cards have a connector of this name with a monitor.
  case severalConnectors(String, cards: [String])
  /// No monitor is plugged into any of these connectors.
  case notConnected([String])
  /// The monitor has no such mode.
  case noMode(ModeWish, connector: String, offered: [ScreenMode])
  /// Every CRTC or primary plane that the connector could have is another monitor's.
  case noPlane(card: String, connector: String)
  /// This picture can be neither shown as it is nor copied; other pictures may work.
  case cannotShow(String)
  /// The kernel refuses to show anything.
  case failed(SystemCallError)
}

extension KMSError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .noCard(let path?):
      "\(path): no card with a display engine; `ls -l /dev/dri/by-path` lists the cards"
    case .noCard(nil):
      "/dev/dri: no card with a display engine: load the GPU's driver; a virtual machine needs a graphics card"
    case .unopened(let error): "\(error)"
    case .notMaster(let card):
      "\(card): another program shows its screen there: log out of the desktop, or switch to a console (Ctrl+Alt+F3), and try again there"
    case .notAtomic(let card):
      "\(card): its driver does not offer atomic mode setting: use a window (`vgpu view` without --kms) or another card"
    case .noConnector(let name, let offered) where offered.isEmpty:
      "\(name): no such connector, and no monitor is plugged into any other"
    case .noConnector(let name, let offered):
      "\(name): no such connector; choose among: \(offered.joined(separator: ", "))"
    case .severalConnectors(let name, let cards):
      "\(name): several cards have it: name one with --card: \(cards.joined(separator: ", "))"
    case .notConnected(let names) where names.isEmpty:
      "no card has a connector for a monitor: name another card with --card"
    case .notConnected(let names):
      "\(names.joined(separator: ", ")): no monitor is plugged in; plug in a monitor, or switch it on"
    case .noMode(let wish, let connector, let offered) where offered.isEmpty:
      "\(connector): the monitor has no mode of \(wish), and no other; plug it in again"
    case .noMode(let wish, let connector, let offered):
      "\(connector): the monitor has no mode of \(wish); choose among: \(Self.list(offered))"
    case .noPlane(let card, let connector):
      "\(connector): \(card) has no CRTC and plane left for it; switch off another monitor"
    case .cannotShow(let reason): reason
    case .failed(let error): "\(error)"
    }
  }

  /// Each mode once: monitors list some of them several times.
  private static func list(_ modes: [ScreenMode]) -> String {
    var names: [String] = []
    for mode in modes where !names.contains("\(mode)") { names.append("\(mode)") }
    return names.joined(separator: ", ")
  }
}

extension KMSError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .noCard, .noConnector, .notConnected: .notFound
    case .notMaster, .noPlane: .busy
    case .notAtomic, .cannotShow: .unsupported
    case .severalConnectors: .ambiguous
    case .noMode: .argument
    case .unopened(let error), .failed(let error): error.errorClass
    }
  }
}
