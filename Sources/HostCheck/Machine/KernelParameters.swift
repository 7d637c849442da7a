// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What the kernel and its modules were told: `/proc/cmdline`, `modprobe.d`, and what they made of it
/// in `/sys/module`.
struct KernelParameters: Sendable {
  /// What a module was told.
  struct Setting: Equatable, Sendable {
    /// `nil` for the bare word, which sets a switch and is an error for everything else.
    let value: String?
    /// The file in `modprobe.d`; `nil` for the kernel's command line.
    let path: String?

    /// What a switch makes of it.
    var isOn: Bool { value.map(KernelParameters.isOn) ?? true }

    var place: String { path ?? "the kernel's command line" }
  }

  /// A module's parameter.
  enum Value: Equatable {
    /// As the module has it.
    case actual(String)
    /// The module does not show it to this user; this is what it was told, if anything.
    case told(Setting?)
    /// The module has no such parameter.
    case missing
    /// The module is not loaded; this is what it would be told.
    case notLoaded(Setting?)

    /// The value in force or to be.
    var text: String? {
      switch self {
      case .actual(let text): text
      case .told(let setting), .notLoaded(let setting): setting?.value
      case .missing: nil
      }
    }

    /// What a switch makes of it.
    var isOn: Bool {
      switch self {
      case .actual(let text): KernelParameters.isOn(text)
      case .told(let setting), .notLoaded(let setting): setting?.isOn ?? false
      case .missing: false
      }
    }
  }

  let modprobe: ModprobeConfiguration
  private let commandLine: [KernelArgument]
  private let modules: KernelModules
  private let files: Sysfs

  init(files: Sysfs, modules: KernelModules) {
    self.files = files
    self.modules = modules
    commandLine = KernelArgument.list(files.lines("/proc/cmdline").first ?? "")
    modprobe = ModprobeConfiguration(files: files)
  }

  /// The value of the last word `name=value` of the command line.
  func word(_ name: String) -> String? {
    commandLine.last { KernelArgument.spelled($0.name) == name && $0.value != nil }?
      .value.map { String($0) }
  }

  /// All values of the words `name=value` of the command line, at their commas.
  func words(_ name: String) -> [Substring] {
    commandLine.filter { KernelArgument.spelled($0.name) == name }.flatMap {
      ($0.value ?? "").split(separator: ",")
    }
  }

  func value(_ parameter: String, of module: String) -> Value {
    let setting = setting(parameter, of: module)
    let folder = "/sys/module/\(KernelArgument.spelled(module))"
    guard files.exists(folder) else { return .notLoaded(setting) }
    let path = "\(folder)/parameters/\(parameter)"
    guard files.exists(path) else { return .missing }
    return files.text(path).map { .actual($0) } ?? .told(setting)
  }

  /// What stands last: kmod gives a module the lines of `modprobe.d` by their files' names and then the
  /// words of the command line, and the kernel keeps the last. A built-in module sees the command
  /// line alone.
  func setting(_ parameter: String, of module: String) -> Setting? {
    let module = KernelArgument.spelled(module)
    let parameter = KernelArgument.spelled(parameter)
    let word = commandLine.last { word in
      word.parameter.map { $0.module == module && $0.name == parameter } ?? false
    }
    if let word { return Setting(value: word.value.map { String($0) }, path: nil) }
    guard !modules.isBuiltIn(module) else { return nil }
    return modprobe.options(of: module)
      .last { KernelArgument.spelled($0.argument.name) == parameter }
      .map { Setting(value: $0.argument.value.map { String($0) }, path: $0.path) }
  }

  /// The value that a module was told; `nil` for none, and for the bare word.
  func told(_ parameter: String, of module: String) -> String? {
    setting(parameter, of: module)?.value
  }

  /// What keeps a module from being loaded at the host's start; `nil` for nothing.
  func obstacle(to module: String) -> String? {
    for name in ["module_blacklist", "modprobe.blacklist"]
    where words(name).contains(where: { KernelArgument.spelled($0) == module }) {
      return "\(name)=\(module) on the kernel's command line"
    }
    return modprobe.obstacle(to: module)
  }

  /// The kernel's own reading of a switch (kstrtobool), which looks at one letter, or at two.
  static func isOn(_ text: String) -> Bool {
    switch text.first {
    case "y", "Y", "t", "T", "1": true
    case "o", "O": text.dropFirst().first.map { $0 == "n" || $0 == "N" } ?? false
    default: false
    }
  }
}
