// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// Interrupts that go from a device to a virtual machine without the VM manager (KVM_IRQFD): the device's eventfd
/// (`Device.setInterrupts`) raises a line of the machine's interrupt controller.
///
/// A message (MSI, MSI-X) is raised by each signal. A level, INTx, stays up until the guest has served it: it needs
/// a second eventfd, which KVM signals then, and which unmasks the device's interrupt.
///
/// ```swift
/// let interrupts = KVMInterrupts(ofMachine: machine)
/// try interrupts.connect(raised, to: line, resample: served)
/// try device.setInterrupts(PCIInterrupt.intx, eventFDs: [raised])
/// try device.setInterrupts(PCIInterrupt.intx, action: .unmask, eventFDs: [served])
/// ```
public struct KVMInterrupts {
  private let machine: Int32
  private let kernel: any Kernel

  /// - Parameters:
  ///   - machine: the virtual machine's descriptor (KVM_CREATE_VM), which has an interrupt controller. It is
  ///     borrowed, and must stay open as long as this value is used.
  ///   - kernel: answers the system calls, for tests.
  public init(ofMachine machine: Int32, kernel: any Kernel = RunningKernel()) {
    self.machine = machine
    self.kernel = kernel
  }

  /// From now on an eventfd raises a line.
  ///
  /// - Parameters:
  ///   - event: the eventfd, borrowed: KVM keeps its own reference.
  ///   - line: the line, a global system interrupt: a pin of the controllers, or what KVM_SET_GSI_ROUTING has made of
  ///     a message.
  ///   - resample: for a level: the eventfd that KVM signals when the guest has served the interrupt, borrowed.
  /// - Throws: `VFIOError.system`: EBUSY when the eventfd raises a line already, EINVAL for what is no eventfd, and
  ///   for a machine without a controller of KVM's. A line that nobody has is taken without a word.
  public func connect(
    _ event: Int32, to line: UInt32, resample: Int32? = nil
  ) throws(VFIOError) {
    var request = vgpu_kvm_irqfd()
    if let resample {
      request.flags = UInt32(vgpu_KVM_IRQFD_FLAG_RESAMPLE)
      request.resamplefd = UInt32(bitPattern: resample)
    }
    try set(&request, event, line)
  }

  /// The eventfd raises the line no more. Returns when no interrupt of it is on its way.
  ///
  /// - Throws: `VFIOError.system`: EINVAL for what is no eventfd. One that raises no line is no error.
  public func disconnect(_ event: Int32, from line: UInt32) throws(VFIOError) {
    var request = vgpu_kvm_irqfd()
    request.flags = UInt32(vgpu_KVM_IRQFD_FLAG_DEASSIGN)
    try set(&request, event, line)
  }

  private func set(
    _ request: inout vgpu_kvm_irqfd, _ event: Int32, _ line: UInt32
  ) throws(VFIOError) {
    request.fd = UInt32(bitPattern: event)
    request.gsi = line
    try ioctl(
      "KVM_IRQFD", vgpu_KVM_IRQFD, on: "KVM's line \(line)", of: machine, kernel, &request)
  }
}
