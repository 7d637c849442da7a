// SPDX-License-Identifier: Apache-2.0

import QEMU

extension GuestPlan {
  /// Adds the host's folders, and tells how the guest mounts them.
  ///
  /// - Parameter isHere: `false` for a guest that is only described: a folder that this host lacks is
  ///   taken as it was named, and reported.
  func addShares(
    to configuration: inout GuestConfiguration, for program: QEMUProgram, _ isHere: Bool,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    guard !shares.isEmpty else { return }
    guard shares.count <= FolderShare.most else {
      throw .unsuitable("\(shares.count) folders", reason: "give \(FolderShare.most) at most")
    }
    do throws(QEMUError) {
      var paths: [String] = []
      for folder in shares {
        do throws(QEMUError) {
          paths.append(try folder.check())
        } catch {
          guard !isHere, folder.path.hasPrefix("/") else { throw error }
          onNotice(
            .supposed(folder.path, reason: "the description uses it unchanged, although: \(error)"))
          paths.append(folder.path)
        }
      }
      let server = VirtiofsServer.find()
      let hasVirtiofs = server == nil ? false : try program.hasDevice("vhost-user-fs-pci")
      let hasPlan9 = isWindows ? false : try program.hasDevice("virtio-9p-pci")
      for (index, tag) in FolderShare.tags(for: paths).enumerated() {
        let folder = shares[index]
        let way: FolderShare.Way
        if hasVirtiofs, !folder.isReadOnly || server?.canBeReadOnly == true {
          way = .virtiofs(socket: nil)
        } else if hasPlan9 {
          way = .plan9
        } else {
          let missing = QEMUError.missing(
            "virtiofsd",
            reason: """
              not found or too old, and \(isWindows ? "Windows has no driver for 9p" : "this QEMU has no 9p"); \
              install it (package virtiofsd), or share no folder
              """)
          guard !isHere else { throw missing }
          onNotice(.supposed("the description assumes it", reason: "\(missing)"))
          way = .virtiofs(socket: nil)
        }
        let share = FolderShare(
          path: paths[index], tag: tag, isReadOnly: folder.isReadOnly, way: way)
        configuration.shares.append(share)
        onNotice(.folderShared(share))
      }
    } catch {
      throw .qemu(error)
    }
  }
}
