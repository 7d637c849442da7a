// SPDX-License-Identifier: Apache-2.0

extension GuestConfiguration {
  /// Whether another program of the host's reads and writes the guest's memory, as virtiofsd does.
  var sharesMemory: Bool {
    shares.contains { if case .virtiofs = $0.way { true } else { false } }
  }

  /// The options for memory that is not QEMU's ordinary one.
  var memoryOptions: [String] {
    let share = sharesMemory ? "on" : "off"
    if let hugePages {
      // Take all pages at the start, because the kernel kills a guest that finds no free page
      // later.
      return [
        "-object",
        "memory-backend-file,id=mem0,size=\(memory)M,prealloc=on,share=\(share),"
          + "mem-path=\(Self.escaped(hugePages.folder))",
      ]
    }
    return sharesMemory
      ? ["-object", "memory-backend-memfd,id=mem0,size=\(memory)M,share=on"] : []
  }

  /// The options for the host's folders.
  var shareOptions: [String] {
    shares.enumerated().flatMap { index, share -> [String] in
      switch share.way {
      case .virtiofs(let socket?):
        [
          "-chardev", "socket,id=fs\(index),path=\(Self.escaped(socket))",
          "-device", "vhost-user-fs-pci,chardev=fs\(index),tag=\(share.tag)",
        ]
      case .virtiofs(nil): []
      case .plan9:
        [
          // Owners, modes, links and devices that the guest makes become extended attributes, so
          // that nothing of the guest's can become a link or a privileged program of the host's.
          "-fsdev",
          "local,id=fs\(index),path=\(Self.escaped(share.path)),security_model=mapped-xattr,"
            + "multidevs=remap\(share.isReadOnly ? ",readonly=on" : "")",
          "-device", "virtio-9p-pci,fsdev=fs\(index),mount_tag=\(share.tag)",
        ]
      }
    }
  }
}
