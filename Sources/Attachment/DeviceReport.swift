// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import LinuxSystem
public import VFIO

/// The process that has a target's device, and what the device can show. The look keeps nothing: it
/// duplicates the device out of its process (pidfd_getfd(2)), asks the device, and closes the
/// duplicate. It writes nothing to the device, and opens no device.
public struct DeviceReport: Sendable {
  /// The process that has the device.
  public let process: RunningProcess
  /// Which vGPU the device is, when the kernel tells.
  public let identity: VGPUDevice?
  /// Which mdev the device is; `nil` when it is none, and when the kernel does not tell.
  public var vGPU: MdevDevice? { if case .mdev(let device)? = identity { device } else { nil } }
  /// How the device's driver provides a picture; `nil` when the device has no display.
  public let transport: PlaneTransport?
  /// The sizes for which the guest's monitor can be exchanged; `nil` when the driver has no EDID
  /// region.
  public let monitor: MonitorLimits?

  /// Looks at the device of a target.
  ///
  /// - Parameters:
  ///   - target: a vGPU of any kind, a process, or a domain, for which libvirt is asked.
  ///   - descriptor: the number of the device's descriptor, for a process that holds several.
  ///   - host: the vGPUs and processes to look at, for tests.
  /// - Returns: `nil` for a target that no process of this host has, such as a bridge.
  /// - Throws: `AttachmentError`: why the device cannot be looked at.
  public init?(
    of target: Target, descriptor: Int32? = nil, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    let following = Following(
      target, descriptor: descriptor, controlsMonitor: false, asksBridge: false, host: host)
    let found: FoundDisplay
    do throws(AttachmentError) {
      guard let display = try following.find() else { return nil }
      found = display
    } catch {
      throw following.explain(error, opensGroup: false)
    }
    process = found.holder.process
    identity = found.vGPU
    do {
      transport = try found.device.displayDevice().transport()
      let port = try found.device.monitorPort()
      monitor = if let port = consume port { MonitorLimits(port.maximumSize) } else { nil }
    } catch {
      throw .refused(error, pid: found.holder.process.pid)
    }
  }
}

/// What every user may know about a process.
public struct ProcessReport: Hashable, Sendable {
  /// Its number.
  public let pid: Int32
  /// The name of its program, in the process's own words, such as `qemu-system-x86`.
  public let program: String
  /// Its effective user: a name, or a number when the host has no name for it.
  public let user: String
  /// Why this process may not look into it; `nil` when its descriptors may be seen.
  public let defect: RightsDefect?

  /// Reads `/proc/PID`.
  ///
  /// - Returns: `nil` when the process has ended.
  public init?(_ process: RunningProcess) {
    let pid = process.pid
    let read = process.reading { pid in
      (
        ProcessStatus("\(pid)"), ProcFiles.text("/proc/\(pid)/comm"),
        try? FileTree.names(in: "/proc/\(pid)/fd")
      )
    }
    guard let read, let status = read.0 else { return nil }
    self.pid = pid
    program = (read.1 ?? "").split(separator: "\n").first.map(String.init) ?? ""
    let user = status.users[1]
    self.user = (try? UserDatabase.user(user))?.name ?? "\(user)"
    defect = read.2 == nil ? RightsDefect(ofProcess: pid) : nil
  }
}
