// SPDX-License-Identifier: Apache-2.0

package import Attachment

extension AttachedSource {
  /// Attaches to what a C caller names; the parameters are those of `vgpu_source_open`.
  package convenience init(
    cTarget: UnsafePointer<CChar>?, flags: UInt32, device: Int32
  ) throws(Failure) {
    let text = try CText.read(cTarget, "target")
    guard let target = Target(text) else {
      throw Failure(
        .argument,
        """
        \(text): no target; give mdev:UUID, pid:N, libvirt:[session/|system/]NAME, \
        bridge:PATH[/UUID] or demo
        """)
    }
    let options = try OpenOptions(flags)
    do {
      try self.init(
        target, descriptor: device < 0 ? nil : device, waiting: options.waits,
        controlsMonitor: options.controlsMonitor)
    } catch {
      throw Failure(error)
    }
  }
}
