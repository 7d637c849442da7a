// SPDX-License-Identifier: Apache-2.0

import HostDevices
import PersistentDevices

/// A change as the words of a command line: a verb, and `name=value` each. The helper gets it so, from
/// anybody.
///
/// polkit knows the verb alone: each is an action of its own.
package struct ChangeWords: Hashable, Sendable {
  /// The verbs, as polkit's actions end in them.
  package enum Verb: String, CaseIterable, Sendable {
    case create, start, remove, bind, unbind, restore
  }

  private enum Name: String {
    case type, parent, uuid, kept, count, device, driver, address
  }

  /// The most functions that one change names.
  private static let mostAddresses = 256
  /// As long as a file's name may be: every name here is one in sysfs.
  private static let longestValue = 255

  package let words: [String]

  /// Writes a change that the helper does (`isForHelper`).
  package init(_ change: HostChange) {
    func word(_ name: Name, _ value: some CustomStringConvertible) -> String {
      "\(name.rawValue)=\(value)"
    }
    func addresses(_ list: [PCIAddress]) -> [String?] { list.map { word(.address, $0) } }
    let verb: Verb
    var rest: [String?] = []
    switch change {
    case .createMdev(let type, let parent, let uuid, let kept):
      verb = .create
      rest = [
        word(.type, type), parent.map { word(.parent, $0) }, word(.uuid, uuid),
        kept.map { word(.kept, $0.rawValue) },
      ]
    case .createFunctions(let type, let parent, let count):
      verb = .create
      rest = [word(.type, type), parent.map { word(.parent, $0) }, word(.count, count)]
    case .start(let uuid):
      verb = .start
      rest = [word(.uuid, uuid)]
    case .remove(let device, let isKept):
      verb = .remove
      rest = [word(.device, device), isKept ? word(.kept, "yes") : nil]
    case .bind(let list, let driver, _, let isKept):
      verb = .bind
      rest = [word(.driver, driver), isKept ? word(.kept, "yes") : nil] + addresses(list)
    case .unbind(let list, _):
      verb = .unbind
      rest = addresses(list)
    case .restore(let list, let isKept):
      verb = .restore
      rest = [isKept ? word(.kept, "yes") : nil] + addresses(list ?? [])
    }
    words = [verb.rawValue] + rest.compactMap(\.self)
  }

  /// Reads a change. Words that a change does not need, or that are there twice, are refused.
  package static func change(in words: [String]) throws(HelperRefusal) -> HostChange {
    guard let first = words.first else { throw .notUnderstood("no change is named") }
    guard let verb = Verb(rawValue: first) else {
      throw .notUnderstood("\(quoted(first)) is no change")
    }
    var reader = try Reader(words.dropFirst())
    let change: HostChange
    switch verb {
    case .create:
      let type = try reader.name(.type)
      let parent = try reader.nameIfAny(.parent)
      if let count = reader.take(.count) {
        guard let number = Int(count), (1...256).contains(number), "\(number)" == count else {
          throw .notUnderstood("count=\(quoted(count)): give 1 to 256")
        }
        change = .createFunctions(type: type, parent: parent, count: number)
      } else {
        let kept = reader.take(.kept)
        let start = kept.flatMap(PersistentVGPU.Start.init(rawValue:))
        guard kept == nil || start != nil else {
          throw .notUnderstood("kept=\(quoted(kept ?? "")): give auto or manual")
        }
        change = .createMdev(type: type, parent: parent, uuid: try reader.uuid(), kept: start)
      }
    case .start: change = .start(try reader.uuid())
    case .remove:
      let text = try reader.needed(.device)
      let name = text.firstIndex(of: ":").map { text[text.index(after: $0)...] }
      guard let device = name.flatMap({ AssignedDevice(busName: String($0)) }), "\(device)" == text
      else {
        throw .notUnderstood("device=\(quoted(text)) is no vGPU's name")
      }
      // Only mdevctl keeps vGPUs, and only mediated devices.
      if case .mdev = device {
        change = .remove(device, isKept: try reader.isKept())
      } else {
        change = .remove(device)
      }
    case .bind:
      let driver = try reader.name(.driver)
      change = .bind(
        try reader.addresses(minimum: 1), driver: driver, isKept: try reader.isKept())
    case .unbind: change = .unbind(try reader.addresses(minimum: 1))
    case .restore:
      let addresses = try reader.addresses(minimum: 0)
      change = .restore(addresses.isEmpty ? nil : addresses, isKept: try reader.isKept())
    }
    try reader.end()
    guard change.isForHelper else {
      throw .notUnderstood("it binds only to VFIO drivers, such as vfio-pci")
    }
    return change
  }

  private static func quoted(_ text: String) -> String { String(text.prefix(64)).debugDescription }

  /// Takes values out of the words.
  private struct Reader {
    private var values: [Name: String] = [:]
    private var functions: [PCIAddress] = []

    init(_ words: some Collection<String>) throws(HelperRefusal) {
      guard words.count <= mostAddresses + 8 else { throw .notUnderstood("too many words") }
      for word in words {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = Name(rawValue: String(parts[0])) else {
          throw .notUnderstood("\(quoted(word)) is no part of a change")
        }
        let value = String(parts[1])
        guard (1...longestValue).contains(value.utf8.count) else {
          throw .notUnderstood("\(name.rawValue): its value is empty or too long")
        }
        if name == .address {
          guard let address = PCIAddress(value), "\(address)" == value else {
            throw .notUnderstood("address=\(quoted(value)) is no PCI address")
          }
          functions.append(address)
        } else {
          guard values.updateValue(value, forKey: name) == nil else {
            throw .notUnderstood("\(name.rawValue) is there twice")
          }
        }
      }
    }

    mutating func take(_ name: Name) -> String? { values.removeValue(forKey: name) }

    mutating func needed(_ name: Name) throws(HelperRefusal) -> String {
      guard let value = take(name) else { throw .notUnderstood("\(name.rawValue) is missing") }
      return value
    }

    /// A name in sysfs.
    mutating func name(_ name: Name) throws(HelperRefusal) -> String {
      let value = try needed(name)
      guard Sysfs.isName(value), !value.contains("/"), value != ".", value != ".." else {
        throw .notUnderstood("\(name.rawValue)=\(quoted(value)) is no name of a device's")
      }
      return value
    }

    mutating func nameIfAny(_ name: Name) throws(HelperRefusal) -> String? {
      values[name] == nil ? nil : try self.name(name)
    }

    mutating func uuid() throws(HelperRefusal) -> MdevUUID {
      let text = try needed(.uuid)
      guard let uuid = MdevUUID(text), "\(uuid)" == text else {
        throw .notUnderstood("uuid=\(quoted(text)) is no UUID")
      }
      return uuid
    }

    mutating func isKept() throws(HelperRefusal) -> Bool {
      guard let value = take(.kept) else { return false }
      guard value == "yes" else { throw .notUnderstood("kept=\(quoted(value)): give yes") }
      return true
    }

    mutating func addresses(minimum least: Int) throws(HelperRefusal) -> [PCIAddress] {
      guard functions.count >= least else { throw .notUnderstood("address is missing") }
      guard functions.count <= mostAddresses else { throw .notUnderstood("too many addresses") }
      defer { functions = [] }
      return functions
    }

    /// Nothing may be left.
    func end() throws(HelperRefusal) {
      let left = values.keys.map(\.rawValue) + (functions.isEmpty ? [] : [Name.address.rawValue])
      guard let first = left.min() else { return }
      throw .notUnderstood("\(first) does not belong to this change")
    }
  }
}
