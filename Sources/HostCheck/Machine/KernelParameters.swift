// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The parameters that the kernel and its modules got (`/proc/cmdline`, `modprobe.d`), and the
/// values in force (`/sys/module`).
struct KernelParameters: Sendable {
  /// A parameter that a module got.
  struct Setting: Equatable, Sendable {
    /// The value; `nil` for a word without a value, which sets a switch and is an error for any
    /// other parameter.
    let value: String?
    /// The file in `modprobe.d` that sets the parameter; `nil` for the kernel's command line.
    let path: String?

    /// Whether the parameter is on, when it is a switch.
    var isOn: Bool { value.map(KernelParameters.isOn) ?? true }

    var place: String { path ?? "the kernel's command line" }
  }

  /// A module's parameter.
  enum Value: Equatable {
    /// The value that the module shows.
    case actual(String)
    /// The module does not show the value to this user. This is the setting that the module got, if
    /// any.
    case told(Setting?)
    /// The module has no such parameter.
    case missing
    /// The module is not loaded. This is the setting that it would get, if any.
    case notLoaded(Setting?)

    /// The value that is in force, or will be.
    var text: String? {
      switch self {
      case .actual(let text): text
      case .told(let setting), .notLoaded(let setting): setting?.value
      case .missing: nil
      }
    }

    /// Whether the parameter is on, when it is a switch.
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

  /// All values of the words `name=value` of the command line, split at commas.
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

  /// The last setting of a parameter. kmod gives a module the lines of `modprobe.d` in the order of
  /// file names, then the words of the command line, and the kernel keeps the last value. A
  /// built-in module gets only the command line.
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

  /// The value that a module got; `nil` for none, and for a word without a value.
  func told(_ parameter: String, of module: String) -> String? {
    setting(parameter, of: module)?.value
  }

  /// The setting that stops a module from loading when the host starts; `nil` for none.
  func obstacle(to module: String) -> String? {
    for name in ["module_blacklist", "modprobe.blacklist"]
    where words(name).contains(where: { KernelArgument.spelled($0) == module }) {
      return "\(name)=\(module) on the kernel's command line"
    }
    return modprobe.obstacle(to: module)
  }

  /// Reads a switch as the kernel does (kstrtobool), which looks only at the first one or two
  /// letters.
  static func isOn(_ text: String) -> Bool {
    switch text.first {
    case "y", "Y", "t", "T", "1": true
    case "o", "O": text.dropFirst().first.map { $0 == "n" || $0 == "N" } ?? false
    default: false
    }
  }
}
