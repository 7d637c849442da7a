// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The GPU drivers and vfio-pci that an initramfs generator's configuration puts into the
/// initramfs.
struct EarlyModules: Sendable {
  /// The configuration file to name in a finding.
  let place: String
  /// The named modules, in the order of loading.
  var named: [String]
  /// The setting that adds the driver of every GPU of the host, such as a hook; `nil` for none.
  var everyGPU: String?
  /// The instruction that removes `everyGPU`.
  var withoutEveryGPU = ""
  /// The place to name vfio-pci, so that it loads first.
  let early: String
  /// The command that builds the initramfs.
  let rebuild: String

  /// The most bytes of a file. A configuration that a person wrote is shorter.
  private static let limit = 1 << 16

  /// The modules of each generator that has a configuration on this host.
  static func all(_ files: Sysfs) -> [EarlyModules] {
    [initramfsTools(files)] + mkinitcpio(files) + [dracut(files), mkinitfs(files)]
  }

  // MARK: mkinitcpio

  /// The hook `kms` adds all drivers of drivers/gpu/drm, or with `autodetect` the drivers that the
  /// host uses. `/etc/mkinitcpio.d` may name another configuration for a kernel. Drop-in files then
  /// do not count.
  private static func mkinitcpio(_ files: Sysfs) -> [EarlyModules] {
    let usual = "/etc/mkinitcpio.conf"
    var builds: [(path: String, dropIns: [String], without: Set<String>, with: [String])] = []
    let dropIns = DropInFolders(["\(usual).d"], suffix: ".conf").paths(files)
    for name in files.readableNames(in: "/etc/mkinitcpio.d") where name.hasSuffix(".preset") {
      let preset = read(["/etc/mkinitcpio.d/\(name)"], files)
      // Skip the fallback image, because a host does not normally start with it.
      for image in preset["PRESETS"] where image != "fallback" {
        let path = preset["\(image)_config"].first ?? preset["ALL_config"].first
        let options = preset["\(image)_options"]
        builds.append(
          (
            path ?? usual, path == nil ? dropIns : [],
            Set(hooks(of: options, ["-S", "--skiphooks"])),
            hooks(of: options, ["-A", "--addhooks"])
          ))
      }
    }
    if builds.isEmpty { builds = [(usual, dropIns, [], [])] }
    var seen: Set<String> = []
    return builds.compactMap { build in
      let variables = read([build.path] + build.dropIns, files)
      let hooks = (variables["HOOKS"] + build.with).filter { !build.without.contains($0) }
      let place = build.dropIns.isEmpty ? build.path : "\(usual) and \(usual).d"
      let modules = variables["MODULES"].map { module($0.last == "?" ? $0.dropLast() : $0[...]) }
      guard seen.insert("\(place) \(hooks) \(modules)").inserted else { return nil }
      return EarlyModules(
        place: place, named: modules, everyGPU: hooks.contains("kms") ? "hook kms" : nil,
        withoutEveryGPU: "take kms out of HOOKS", early: "MODULES", rebuild: "mkinitcpio -P")
    }
  }

  /// The comma-separated values of an option.
  private static func hooks(of words: [String], _ names: [String]) -> [String] {
    var found: [Substring] = []
    for (index, word) in words.enumerated() {
      if names.contains(word), index + 1 < words.count {
        found += words[index + 1].split(separator: ",")
      } else if let name = names.first(where: { word.hasPrefix("\($0)=") }) {
        found += word.dropFirst(name.utf8.count + 1).split(separator: ",")
      }
    }
    return found.map(String.init)
  }

  // MARK: The others

  private static func dracut(_ files: Sysfs) -> EarlyModules {
    let variables = read(["/etc/dracut.conf"] + DropInFolders.dracut.paths(files), files)
    let omitted = Set(variables["omit_drivers"].map { module($0[...]) })
    let drivers = ["force_drivers", "drivers", "add_drivers"].flatMap { variables[$0] }
      .map { module($0[...]) }.filter { !omitted.contains($0) }
    let omittedParts = variables["omit_dracutmodules"]
    let parts = ["dracutmodules", "add_dracutmodules", "force_add_dracutmodules"]
      .flatMap { variables[$0] }.filter { !omittedParts.contains($0) }
    // The module `plymouth` needs the module `drm`.
    let part = parts.first { $0 == "drm" || $0 == "plymouth" && !omittedParts.contains("drm") }
    return EarlyModules(
      place: "dracut's configuration", named: drivers, everyGPU: part.map { "module \($0)" },
      withoutEveryGPU: "omit_dracutmodules+=\" drm \"", early: "force_drivers",
      rebuild: "dracut -f")
  }

  /// Each line of `modules` is a module with its options. Plymouth and others set FRAMEBUFFER to
  /// ask for the GPU drivers.
  private static func initramfsTools(_ files: Sysfs) -> EarlyModules {
    let (own, packages) = ("/etc/initramfs-tools", "/usr/share/initramfs-tools")
    let parts = files.readableNames(in: "\(packages)/modules.d").map {
      "\(packages)/modules.d/\($0)"
    }
    let modules = (["\(own)/modules"] + parts).flatMap { path in
      files.lines(path).compactMap { line -> String? in
        let name = line.split(whereSeparator: \.isWhitespace).first
        return name.flatMap { $0.hasPrefix("#") ? nil : module($0) }
      }
    }
    let settings = ["conf.d", "conf-hooks.d"].flatMap { folder in
      [packages, own].flatMap { place in
        files.readableNames(in: "\(place)/\(folder)").map { "\(place)/\(folder)/\($0)" }
      }
    }
    let isAsked =
      read(["\(own)/initramfs.conf"] + settings, files)["FRAMEBUFFER"].first
      .map { $0 != "n" && $0 != "no" } ?? false
    return EarlyModules(
      place: "\(own)/modules", named: modules,
      everyGPU: isAsked && files.exists("\(packages)/hooks/framebuffer") ? "FRAMEBUFFER=y" : nil,
      withoutEveryGPU: "remove the setting FRAMEBUFFER=y", early: "the first line",
      rebuild: "update-initramfs -u")
  }

  private static func mkinitfs(_ files: Sysfs) -> EarlyModules {
    let path = "/etc/mkinitfs/mkinitfs.conf"
    let hasKMS = read([path], files)["features"].contains("kms")
    return EarlyModules(
      place: path, named: [], everyGPU: hasKMS ? "feature kms" : nil,
      withoutEveryGPU: "take kms out of features", early: "/etc/modules", rebuild: "mkinitfs")
  }

  private static func read(_ paths: [String], _ files: Sysfs) -> ShellAssignments {
    var variables = ShellAssignments()
    for path in paths { variables.read(files.bytes(path, limit: limit) ?? []) }
    return variables
  }

  private static func module(_ name: some StringProtocol) -> String { KernelArgument.spelled(name) }
}
