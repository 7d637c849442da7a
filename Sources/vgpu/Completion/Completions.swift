// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import Glibc
import Guests
import HostDevices
import LinuxSystem
import PersistentDevices
import SafeText

/// What a shell may offer for an argument: names of this host's devices and guests. The shell asks while
/// the user types, so a list takes a moment at most, opens nothing for writing, asks for no password and
/// says nothing of what it cannot have.
extension CompletionKind {
  /// Targets, by any of their names.
  static let targets = offers { prefix in
    var known = KnownTargets.vGPUs() + KnownTargets.processes()
    if prefix.hasPrefix("libvirt:") || "libvirt:".hasPrefix(prefix) {
      setenv("LIBVIRT_AUTOSTART", "0", 1)
      let daemon = [LibvirtDaemon.session, .system]
        .first { prefix.hasPrefix("libvirt:\($0.rawValue)/") }
      known += KnownTargets.domains(of: daemon, within: .milliseconds(700))
    }
    return known.flatMap { Offers.spellings(of: $0, prefix) } + Offers.bridges
      + [Offer("demo", "the synthetic guest")]
  }

  /// vGPUs that exist.
  static let vGPUs = offers { _ in Offers.existing }

  /// vGPUs that survive reboots.
  static let persistentVGPUs = offers { _ in Offers.persistent }

  /// vGPUs that exist or survive reboots.
  static let allVGPUs = offers { _ in
    let known = Offers.existing
    return known + Offers.persistent.filter { offer in !known.contains { $0.word == offer.word } }
  }

  /// Types of vGPU.
  static let types = offers { _ in Offers.types(of: HostHardware()) }

  /// Types of mdevs, and mdevs.
  static let typesAndVGPUs = offers { _ in
    Offers.mdevs + Offers.types(of: HostHardware()) { $0.kind == .mdev }
  }

  /// GPUs that can be split.
  static let parents = offers { _ in
    let functions = ((try? HostHardware().offeredTypes()) ?? []).filter { $0.kind != .mdev }
    return ((try? HostHardware().parents()) ?? []).map { Offer($0.name, $0.path) }
      + Set(functions.map(\.type.parent)).sorted().map { Offer($0, "a GPU with virtual functions") }
  }

  /// PCI functions.
  static let functions = offers { Offers.functions($0) { _ in true } }

  /// Whole devices and functions, of GPUs.
  static let gpus = offers { Offers.functions($0) { $0.classCode.isDisplay } }

  /// PCI functions, and the drivers that they may get.
  static let functionsAndDrivers = offers {
    Offers.functions($0) { !$0.classCode.isPCIBridge } + [Offer("vfio-pci", "for a guest")]
  }

  /// PCI functions with another driver than at the boot.
  static let changedFunctions = offers { prefix in
    let changed = PCIBindings().remembered
    return Offers.functions(prefix) { changed.contains($0.address) }
  }

  /// USB devices, as `--usb` takes them.
  static let usbDevices = offers { _ in Offers.usb("") }

  /// SCSI and USB devices, as `plug` takes them.
  static let pluggableDevices = offers { _ in Offers.scsi + Offers.usb("usb:") }

  /// SCSI devices.
  static let scsiDevices = offers { _ in Offers.scsi }

  private static func offers(
    _ list: @escaping @Sendable (_ prefix: String) -> [Offer]
  ) -> CompletionKind {
    .custom { _, _, prefix in
      let shell = CompletionShell.requesting
      return list(prefix).compactMap { $0.text(for: shell) }
    }
  }
}

/// A word that a shell may offer.
struct Offer {
  let word: String
  private let note: String

  init(_ word: String, _ note: String) {
    self.word = word
    self.note = note
  }

  /// The word as a shell takes it, with its note when the shell shows notes; `nil` for a word that a
  /// shell would read as more than a word: some of these are other users' names, and bash expands
  /// what it gets.
  func text(for shell: CompletionShell?) -> String? {
    let isPlain = word.unicodeScalars.allSatisfy {
      $0.properties.isAlphabetic || $0.properties.numericType != nil
        || "-_.:/+@".unicodeScalars.contains($0)
    }
    guard isPlain, !word.isEmpty else { return nil }
    // Plain text in one line, without the characters that part it from the word.
    let note = PlainText.line(note)
    return switch shell {
    case .zsh?:
      word.replacing(":", with: "\\:") + (note.isEmpty ? "" : ":\(note)")
    case .fish?: note.isEmpty ? word : "\(word)\t\(note)"
    default: word
    }
  }
}

/// What there is to offer.
private enum Offers {
  /// The names of a target that begin as the user has begun: with the prefix `mdev:` or `pid:` only when
  /// the user writes it, as a process number is no word to be found without.
  static func spellings(of known: KnownTarget, _ prefix: String) -> [Offer] {
    let full = "\(known.target)"
    switch known.target {
    case .mdev(let uuid): return [Offer(prefix.hasPrefix("m") ? full : "\(uuid)", known.note)]
    case .pci(let address):
      // Users write an address without its usual domain too.
      let bare = "\(address)"
      let short = bare.hasPrefix("0000:") ? String(bare.dropFirst(5)) : bare
      let isBare = prefix.first?.isNumber == true
      return [Offer(!isBare ? full : bare.hasPrefix(prefix) ? bare : short, known.note)]
    case .process(let pid):
      let isNumber = prefix.first?.isNumber == true
      return [Offer(isNumber ? "\(pid)" : full, known.note)]
    default: return [Offer(full, known.note)]
    }
  }

  /// Where bridges serve as a rule.
  static var bridges: [Offer] {
    KnownTargets.bridges.map { Offer("bridge:\($0)", "a bridge") }
  }

  static var existing: [Offer] {
    KnownTargets.vGPUs().flatMap { spellings(of: $0, "") }
  }

  static var mdevs: [Offer] {
    KnownTargets.vGPUs().filter { if case .mdev = $0.target { true } else { false } }
      .flatMap { spellings(of: $0, "") }
  }

  static var persistent: [Offer] {
    ((try? PersistentVGPUs.installed()?.all()) ?? []).map {
      Offer("\($0.uuid)", "\($0.type) on \($0.parent), \($0.start.rawValue)")
    }
  }

  static func types(
    of host: HostHardware, _ isWanted: (OfferedType) -> Bool = { _ in true }
  ) -> [Offer] {
    ((try? host.offeredTypes()) ?? []).filter(isWanted).map(\.type).map { type in
      let left = type.availableInstances.map { "\($0) left" } ?? "vGPU"
      return Offer(type.id, "\(left) on \(type.parent)")
    }
  }

  /// PCI functions by their addresses, which users write without the domain 0000 too.
  static func functions(_ prefix: String, _ isWanted: (PCIFunction) -> Bool) -> [Offer] {
    let host = HostHardware()
    let all = ((try? host.pciFunctions()) ?? []).filter(isWanted)
    let names = host.names(of: all)
    return all.map { function in
      let full = "\(function.address)"
      let short = full.hasPrefix("0000:") ? String(full.dropFirst(5)) : full
      let isShort = !prefix.isEmpty && !full.hasPrefix(prefix)
      let note = names.device(of: function) ?? names.className(of: function) ?? ""
      return Offer(isShort ? short : full, note)
    }
  }

  static func usb(_ prefix: String) -> [Offer] {
    HostHardware().usbDevices().filter { !$0.isRootHub }.map {
      let id = hexadecimal($0.vendor, digits: 4) + ":" + hexadecimal($0.product, digits: 4)
      return Offer("\(prefix)\(id)", "on bus \($0.bus), address \($0.device)")
    }
  }

  static var scsi: [Offer] {
    let classes = [("block", "sr"), ("block", "sd"), ("class/scsi_generic", "sg")]
    return classes.flatMap { folder, kind in
      ((try? FileTree.names(in: "/sys/\(folder)")) ?? []).filter { $0.hasPrefix(kind) }.sorted()
        .map { Offer("/dev/\($0)", "SCSI device") }
    }
  }
}
