// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// Whether this user can run guests by KVM.
public enum Accelerator {
  /// Makes and drops an empty virtual machine (KVM_CREATE_VM): a `/dev/kvm` that can be opened may
  /// still be of no use.
  ///
  /// - Returns: `nil` when KVM works, else why not.
  public static func kvmDefect(kernel: any Kernel = RunningKernel()) -> SystemCallError? {
    do {
      let kvm = try OwnedFileDescriptor.open("/dev/kvm", flags: O_RDWR, kernel: kernel)
      let machine = try SystemCall.make("KVM_CREATE_VM", on: "/dev/kvm") {
        kvm.ioctl(vgpu_KVM_CREATE_VM, nil)
      }
      _ = OwnedFileDescriptor(owning: Int32(machine), kernel: kernel)
      return nil
    } catch {
      return error
    }
  }
}
