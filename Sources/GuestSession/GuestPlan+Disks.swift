// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import QEMU

extension GuestPlan {
  /// The path of its first disk.
  var disk: String? {
    disks.first.map { disk in
      if let path = FileTree.realPath(of: disk.path) { return path }
      // The path that a new disk will have.
      let end = disk.path.lastIndex(of: "/").map { disk.path.index(after: $0) }
      let (folder, name) = end.map { (disk.path[..<$0], disk.path[$0...]) } ?? (".", disk.path[...])
      return FileTree.realPath(of: String(folder)).map { "\($0)/\(name)" } ?? disk.path
    }
  }

  /// Adds the disks and CDs.
  ///
  /// - Parameter isHere: `false` for a guest that is only described: its new disks are missing yet.
  func addDisks(
    to configuration: inout GuestConfiguration, _ isHere: Bool, _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    do throws(QEMUError) {
      for disk in disks {
        guard let size = disk.newSize, !isHere else {
          configuration.disks.append(try disk.image())
          continue
        }
        guard !FileTree.exists(disk.path) else { throw NewDisk.exists(disk.path) }
        configuration.disks.append(disk.newImage)
        onNotice(
          .supposed(
            disk.path,
            reason: """
              not made yet; make it: qemu-img create -f \(disk.format.rawValue) \(disk.path) \(size)
              """))
      }
      configuration.cdroms = try cdroms.map { (disk) throws(QEMUError) in try disk.image() }
    } catch {
      throw .qemu(error)
    }
  }

  /// Makes the new disks of a guest that starts. When one cannot be made, none is left.
  func makeDisks(
    for program: QEMUProgram, _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) -> [NewDisk] {
    // Before anything is made for a guest that cannot be.
    try check()
    var made: [NewDisk] = []
    do throws(QEMUError) {
      for disk in disks where disk.newSize != nil {
        made.append(try NewDisk(disk, for: program))
        if let disk = made.last, disk.canOutgrow { onNotice(.diskCanOutgrow(disk)) }
      }
    } catch {
      for disk in made { disk.remove() }
      throw .qemu(error)
    }
    return made
  }
}
