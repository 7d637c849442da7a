// SPDX-License-Identifier: Apache-2.0

public import HostDevices
import LinuxSystem

/// A vGPU that survives the host's reboots, as mdevctl(8) keeps it.
public struct PersistentVGPU: Hashable, Sendable {
  /// When the host makes it.
  @nonexhaustive
  public enum Start: String, Hashable, Codable, Sendable {
    /// As soon as its parent is there.
    case auto
    /// When somebody starts it.
    case manual
  }

  /// Its UUID, which it has whenever it runs.
  public let uuid: MdevUUID
  /// The name of its parent in `/sys/class/mdev_bus`.
  public let parent: String
  /// Its type's id, such as `i915-GVTg_V5_4`.
  public let type: String
  /// When the host makes it.
  public let start: Start
}

/// The vGPUs that survive the host's reboots. mdevctl(8) keeps them in `/etc/mdevctl.d`, and its udev
/// rule makes them: a vGPU that is defined here mdevctl lists, and the other way round.
///
/// Every function but `all` and `vGPU` needs root, and each waits until mdevctl has ended.
public struct PersistentVGPUs: Sendable {
  private let program: SystemProgram
  private let host: HostHardware

  /// Finds mdevctl.
  ///
  /// - Parameter host: makes and removes the vGPUs.
  /// - Throws: `PersistenceError.notInstalled`.
  public init(on host: HostHardware = HostHardware()) throws(PersistenceError) {
    guard let program = SystemProgram("mdevctl") else {
      throw .notInstalled(program: "mdevctl", purpose: "a persistent vGPU")
    }
    self.init(program, on: host)
  }

  /// The vGPUs of an installed mdevctl; `nil` when it is not installed.
  public static func installed(on host: HostHardware = HostHardware()) -> PersistentVGPUs? {
    SystemProgram("mdevctl").map { PersistentVGPUs($0, on: host) }
  }

  init(_ program: SystemProgram, on host: HostHardware) {
    self.program = program
    self.host = host
  }

  /// All of them by UUID, whether they run or not.
  ///
  /// - Throws: `PersistenceError`: `system`, `failed`, or `malformed` when mdevctl's list makes no
  ///   sense.
  public func all() throws(PersistenceError) -> [PersistentVGPU] {
    try Self.read(program.work("list", "--defined"))
  }

  /// One of them; `nil` when the vGPU does not survive a reboot.
  ///
  /// - Throws: as `all` does.
  public func vGPU(_ uuid: MdevUUID) throws(PersistenceError) -> PersistentVGPU? {
    try all().first { $0.uuid == uuid }
  }

  /// Makes a vGPU, as `HostHardware.create` does, and has mdevctl keep it. A vGPU that mdevctl does
  /// not keep is removed again.
  ///
  /// - Parameters:
  ///   - type: the type's id, such as `i915-GVTg_V5_4`.
  ///   - parent: the parent's name; `nil` for the first one that has an instance left.
  ///   - uuid: the new vGPU's name.
  ///   - start: when the host makes it from now on.
  /// - Throws: `PersistenceError`: `host` with the reason of `HostHardware.create`, `system`, or
  ///   `failed`.
  public func create(
    type: String, parent: String? = nil, uuid: MdevUUID = .random(), start: PersistentVGPU.Start
  ) throws(PersistenceError) -> MdevDevice {
    let device = try onHost { () throws(HostDevicesError) in
      try host.create(type: type, parent: parent, uuid: uuid)
    }
    do throws(PersistenceError) {
      try keep(uuid, start: start)
    } catch {
      try onHost { () throws(HostDevicesError) in try host.remove(uuid) }
      throw error
    }
    return device
  }

  /// Has mdevctl keep a vGPU that runs, with the type and the parent that it has.
  ///
  /// - Throws: `PersistenceError`: `system` or `failed`.
  public func keep(_ uuid: MdevUUID, start: PersistentVGPU.Start) throws(PersistenceError) {
    _ =
      switch start {
      case .auto: try program.work("define", "--auto", "--uuid", "\(uuid)")
      case .manual: try program.work("define", "--uuid", "\(uuid)")
      }
  }

  /// Starts a vGPU that mdevctl keeps, with the attributes that mdevctl keeps. A vGPU that runs stays
  /// as it is.
  ///
  /// - Throws: `PersistenceError`: `notPersistent`, `host` when no instance of the type is left,
  ///   `system`, or `failed`.
  public func start(_ uuid: MdevUUID) throws(PersistenceError) {
    guard let vGPU = try vGPU(uuid) else { throw .notPersistent(uuid) }
    if host.device(uuid) != nil { return }
    // mdevctl would pass on the kernel's "No space left on device", and not miss a parent.
    try onHost { () throws(HostDevicesError) in
      try host.checkOffer(type: vGPU.type, parent: vGPU.parent)
    }
    _ = try program.work("start", "--uuid", "\(uuid)")
  }

  /// Removes a vGPU for good, whether it runs or not. One that is in use is neither removed nor
  /// forgotten.
  ///
  /// - Throws: `PersistenceError`: `host` with the reason of `HostHardware.remove`, `system`, or
  ///   `failed`.
  public func remove(_ uuid: MdevUUID) throws(PersistenceError) {
    let isPersistent = try vGPU(uuid) != nil
    // First what may fail.
    if host.device(uuid) != nil || !isPersistent {
      try onHost { () throws(HostDevicesError) in try host.remove(uuid) }
    }
    if isPersistent { _ = try program.work("undefine", "--uuid", "\(uuid)") }
  }

  private func onHost<Value>(
    _ body: () throws(HostDevicesError) -> Value
  ) throws(PersistenceError) -> Value {
    do {
      return try body()
    } catch {
      throw .host(error)
    }
  }

  /// Reads a list of defined vGPUs, a line each: the UUID, the parent, the type, `auto` or `manual`, and
  /// `(active)` for one that runs: so in mdevctl 0.46 to 1.3. There is JSON too; but a program that runs as
  /// root for a user is the smaller, and the safer, without a reader of it.
  static func read(_ list: [UInt8]) throws(PersistenceError) -> [PersistentVGPU] {
    var vGPUs: [PersistentVGPU] = []
    for line in String(decoding: list, as: UTF8.self).split(whereSeparator: \.isNewline) {
      var words = line.split(separator: " ")
      if words.last == "(active)" { words.removeLast() }
      guard words.count == 4, let start = PersistentVGPU.Start(rawValue: String(words[3]))
      else { throw .malformed(program: "mdevctl", command: "mdevctl list --defined") }
      // mdevctl before 1.0 lists an editor's backup too.
      guard let uuid = MdevUUID(String(words[0])) else { continue }
      vGPUs.append(
        PersistentVGPU(
          uuid: uuid, parent: String(words[1]), type: String(words[2]), start: start))
    }
    return vGPUs.sorted { $0.uuid < $1.uuid }
  }
}
