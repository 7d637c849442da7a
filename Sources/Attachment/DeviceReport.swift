// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import LinuxSystem
public import VFIO

/// Who has a target's device, and what that can show: looked at once, without keeping anything. The
/// device is duplicated out of its process for the look (pidfd_getfd(2)), asked what it is, and closed.
/// Nothing is written to it, and no device is opened.
public struct DeviceReport: Sendable {
  /// Who has the device.
  public let process: RunningProcess
  /// Which vGPU the device is, where the kernel tells.
  public let vGPU: MdevDevice?
  /// How its driver hands out a picture; `nil` where the device has no display.
  public let transport: PlaneTransport?
  /// For which sizes the guest's monitor can be exchanged; `nil` where the driver has no EDID region.
  public let monitor: MonitorLimits?

  /// Looks at the device of a target that a process has.
  ///
  /// - Parameters:
  ///   - target: a vGPU, a process, or a domain of libvirt's, for which libvirt is asked.
  ///   - descriptor: the number of the device's descriptor, where the process holds several.
  ///   - host: whose vGPUs and processes, for tests.
  /// - Returns: `nil` for a target that no process here has.
  /// - Throws: `AttachmentError`: why nothing can be looked at.
  public init?(
    of target: Target, descriptor: Int32? = nil, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    let following = Following(target, descriptor: descriptor, controlsMonitor: false, host: host)
    let found: FoundDisplay
    do throws(AttachmentError) {
      guard let display = try following.find() else { return nil }
      found = display
    } catch {
      throw following.explain(error, opensGroup: false)
    }
    process = found.holder.process
    vGPU = found.vGPU
    do {
      transport = try found.device.displayDevice().transport()
      let port = try found.device.monitorPort()
      monitor = if let port = consume port { MonitorLimits(port.maximumSize) } else { nil }
    } catch {
      throw .refused(error, pid: found.holder.process.pid)
    }
  }
}

/// What everybody may know of a process.
public struct ProcessReport: Hashable, Sendable {
  /// Its number.
  public let pid: Int32
  /// The name of its program, as it gives it itself, such as `qemu-system-x86`.
  public let program: String
  /// Whose it is: a name, or a number where the host has none.
  public let user: String
  /// What stands in the way of looking into it; `nil` where its descriptors may be seen.
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
