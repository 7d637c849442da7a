// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
public import SystemPackage

/// Why an mdev was not created or removed, or why the host could not be read. Each case's
/// description is one line that names the object, the cause and the remedy.
@nonexhaustive
public enum HostDevicesError: Error, Hashable, Sendable {
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// The text is not a UUID.
  case invalidUUID(String)
  /// `/sys/class/mdev_bus` is empty or missing: no driver of this host offers mdevs.
  case noParents
  /// None of these parents offers a type of vGPU.
  case noTypes(parents: [String])
  /// No parent has this name; these exist.
  case unknownParent(name: String, existing: [String])
  /// No parent, or not the one that was named, offers this type; these are offered.
  case unknownType(id: String, existing: [String])
  /// Several parents offer types of this id, and the types differ: the caller must choose a parent.
  case ambiguousType(id: String, parents: [String])
  /// The parents that offer the type have no instance of it left.
  case noInstancesLeft(type: String, parents: [String])
  /// There is an mdev of this UUID already.
  case uuidInUse(MdevUUID)
  /// The new mdev could not be used. It was removed again, unless `remains` says why not.
  case incomplete(uuid: MdevUUID, defect: MdevDefect, remains: String?)
  /// No mdev has this UUID; these exist.
  case noSuchDevice(MdevUUID, existing: [MdevUUID])
  /// Somebody has the mdev open: these processes, or, when the list is empty, processes whose
  /// descriptors `/proc` does not show.
  case inUse(MdevUUID, processes: [Int32])
  /// The kernel accepted the removal but has not carried it out in time.
  case stillThere(MdevUUID)
}

extension HostDevicesError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .system(let error): error.errorClass
    case .invalidUUID: .argument
    case .noSuchDevice, .noParents, .noTypes, .unknownParent, .unknownType: .notFound
    case .ambiguousType: .ambiguous
    case .noInstancesLeft, .uuidInUse, .inUse, .stillThere: .busy
    case .incomplete: .other
    }
  }
}

extension HostDevicesError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .system(let error):
      error.description
    case .invalidUUID(let text):
      """
      \(text.debugDescription): not a UUID; it must look like \
      11223344-5566-7788-99aa-bbccddeeff00 (uuidgen makes one)
      """
    case .noParents:
      """
      no mdev parents in /sys/class/mdev_bus: load the GPU's mdev driver (for Intel GVT-g: boot with \
      i915.enable_gvt=1 and load kvmgt)
      """
    case .noTypes(let parents):
      """
      \(Self.list(parents)): no type of vGPU at this moment; types without a screen (channel and \
      crypto devices: vfio-ccw, vfio-ap) are none; the kernel log (dmesg) tells what the driver does
      """
    case .unknownParent(let name, let existing):
      "\(name.debugDescription): no such mdev parent; there are \(Self.list(existing))"
    case .unknownType(let id, let existing):
      "\(id.debugDescription): no such mdev type; \(Self.suggestion(for: id, in: existing))"
    case .ambiguousType(let id, let parents):
      "mdev type \(id): different things on \(Self.list(parents)); name the parent"
    case .noInstancesLeft(let type, let parents):
      """
      mdev type \(type): no instances left on \(Self.list(parents)); remove an mdev of that parent, \
      take a smaller type, or give the GPU more memory (GVT-g: the firmware's aperture size)
      """
    case .uuidInUse(let uuid):
      "mdev \(uuid): exists already, or is still being removed; use it, or take another UUID"
    case .incomplete(let uuid, let defect, nil):
      "mdev \(uuid): created, but not usable, and removed again: \(defect)"
    case .incomplete(let uuid, let defect, let remains?):
      "mdev \(uuid): created, but not usable: \(defect); it could not be removed: \(remains)"
    case .noSuchDevice(let uuid, let existing):
      "mdev \(uuid): no such mdev; \(Self.inventory(existing))"
    case .inUse(let uuid, let processes):
      "mdev \(uuid): in use\(Self.holders(processes))"
    case .stillThere(let uuid):
      "mdev \(uuid): the kernel is still removing it; the kernel log (dmesg) tells what it waits for"
    }
  }

  /// The kernel's errno where a system call failed.
  public var errno: Errno? {
    if case .system(let error) = self { error.errno } else { nil }
  }

  private static func list(_ names: [String], limit: Int = 8) -> String {
    let shown = names.prefix(limit).joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
  }

  private static func suggestion(for id: String, in existing: [String]) -> String {
    let near = SpellingMatch.nearest(to: id, in: existing)
    return near.isEmpty ? "there are \(list(existing))" : "did you mean \(list(near))?"
  }

  private static func inventory(_ existing: [MdevUUID]) -> String {
    existing.isEmpty ? "there is none at all" : "there are \(list(existing.map(\.description)))"
  }

  private static func holders(_ processes: [Int32]) -> String {
    if processes.isEmpty {
      return """
         by a process that does not show it (a viewer that holds a duplicate, a container's); look \
        for it with 'ls -l /proc/[0-9]*/fd | grep vfio' and stop it first
        """
    }
    let pids = list(processes.map(String.init))
    return " by process \(pids); stop that guest or viewer first"
  }
}

extension SystemCallError {
  /// The remedy for this error, known from the checks in the kernel's mdev code.
  var advisedForMdev: SystemCallError {
    advising(Self.mdevRemedy(errno))
  }

  private static func mdevRemedy(_ errno: Errno) -> String? {
    switch errno {
    case .permissionDenied, .notPermitted:
      "creating and removing mdevs needs root"
    case .readOnlyFileSystem:
      "sysfs is read-only here; do it on the host, outside of the container"
    case .noSuchFileOrDirectory, .operationNotSupportedByDevice:
      "the parent or its driver is gone; list the types again"
    case .invalidArgument, .ioError, .noMemory:
      "the driver refused it; the kernel log (dmesg) tells why"
    default:
      nil
    }
  }
}

/// The part that a newly created mdev lacks.
@nonexhaustive
public enum MdevDefect: Hashable, Sendable {
  /// It is not in `/sys/bus/mdev/devices`, or has no type there.
  case unlisted
  /// It has neither an IOMMU group nor a node of its own: no vfio driver took it.
  case noGroup
  /// The kernel names a node that `/dev` does not have.
  case noNode(path: String)
}

extension MdevDefect: CustomStringConvertible {
  /// The cause and the remedy of an error's line.
  public var description: String {
    switch self {
    case .unlisted:
      "it did not appear in /sys/bus/mdev/devices; the kernel log (dmesg) tells why"
    case .noGroup:
      "no vfio driver took it: is drivers_autoprobe in /sys/bus/mdev at 1? See the kernel log (dmesg)"
    case .noNode(let path):
      "\(path) did not appear: is udev running, and is this /dev the host's?"
    }
  }
}

/// Suggestions for a mistyped name.
enum SpellingMatch {
  /// The names that resemble the typed text: those that differ only in case; else those that begin
  /// or end with it; else those that one or two changed letters lead to.
  static func nearest(to typed: String, in names: [String]) -> [String] {
    let longest = names.map(\.utf8.count).max() ?? 0
    // A text that is longer by three letters resembles none of the names, so it is not compared.
    guard !typed.isEmpty, typed.utf8.count < longest + 3 else { return [] }
    let typed = Array(typed.lowercased().utf8)
    let ranked = names.map { (name: $0, rank: rank(Array($0.lowercased().utf8), typed)) }
    let best = ranked.compactMap(\.rank).min()
    return best == nil ? [] : ranked.filter { $0.rank == best }.map(\.name)
  }

  private static func rank(_ name: [UInt8], _ typed: [UInt8]) -> Int? {
    if name == typed { return 0 }
    if name.starts(with: typed) || name.reversed().starts(with: typed.reversed()) { return 1 }
    let distance = distance(name, typed)
    return distance <= 2 ? 1 + distance : nil
  }

  /// The number of letters to insert, leave out or change (Levenshtein).
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for (column, other) in right.enumerated() {
        let change = diagonal + (letter == other ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(change, diagonal + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
