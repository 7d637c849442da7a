// SPDX-License-Identifier: Apache-2.0

import Attachment
import GuestControl
import HostDevices
import LinuxSystem
import PersistentDevices
import VFIO

extension GuestSurvey {
  /// Looks at the vGPUs and processes of this host. Nothing is opened for writing, started or changed.
  mutating func look(on host: HostHardware) {
    vGPUs = ((try? host.vGPUDevices()) ?? []).compactMap { Self.vGPU($0, on: host) }
    let holders = Set(vGPUs.flatMap(\.users))
    let mayHold = Self.hasVFIO
    let own = FileTree.linkTarget(of: "/proc/self/exe")
    processes = ProcFiles.processes().compactMap { pid in
      // A viewer has a duplicate of a guest's device.
      if let own, FileTree.linkTarget(of: "/proc/\(pid)/exe") == own { return nil }
      return Self.process(pid, on: host, isKnown: holders.contains(pid), mayHold: mayHold)
    }
  }

  /// The vGPUs that mdevctl keeps and that do not exist. It starts mdevctl.
  mutating func lookForStopped(on host: HostHardware) {
    let all = (try? PersistentVGPUs.installed(on: host)?.all()) ?? []
    stopped = all.filter { host.device($0.uuid) == nil }.map {
      Stopped(uuid: $0.uuid, label: "\($0.type) on \($0.parent)")
    }
  }

  /// A guest that is looked at without the machine's bridge, which is asked once for all (`bridges`).
  private static func guest(_ target: Target, on host: HostHardware) -> Guest {
    var guest = Guest(target, host: host)
    guest.asksBridge = false
    return guest
  }

  private static func vGPU(_ device: VGPUDevice, on host: HostHardware) -> VGPU? {
    guard let facts = try? guest(Target(device.name), on: host).look() else { return nil }
    let parent =
      switch device {
      case .mdev(let device): device.parent
      case .pci(let device): "\(device.function.physicalFunction ?? device.address)"
      }
    return VGPU(
      name: device.name, label: "\(device.label) on \(parent)",
      users: facts.processes.map(\.pid), facts: facts)
  }

  /// Whether any process may have a VFIO device: without one of the kernel's, none has.
  private static var hasVFIO: Bool {
    ["/sys/class/vfio", "/sys/class/vfio-dev"].contains {
      ((try? FileTree.names(in: $0)) ?? []).isEmpty == false
    }
  }

  /// A process that looks like QEMU, or has a VFIO device; `nil` for every other one.
  ///
  /// - Parameters:
  ///   - isKnown: whether it has a vGPU.
  ///   - mayHold: whether it may have a VFIO device.
  private static func process(
    _ pid: Int32, on host: HostHardware, isKnown: Bool, mayHold: Bool
  ) -> Process? {
    guard isKnown || isQEMU(pid) || mayHold && holdsDevice(pid),
      let process = try? RunningProcess(pid), !process.hasEnded,
      let facts = try? guest(.process(pid), on: host).look(),
      let report = facts.processes.first,
      let domain = process.reading({ pid in domain(ofProcess: pid) })
    else { return nil }
    return Process(
      pid: pid, program: report.program, user: report.user, guestName: facts.guestName,
      domain: domain, facts: facts)
  }

  /// The names of QEMU's program, as far as the kernel keeps it (TASK_COMM_LEN).
  private static func isQEMU(_ pid: Int32) -> Bool {
    guard let name = ProcFiles.text("/proc/\(pid)/comm")?.split(separator: "\n").first else {
      return false
    }
    return name.hasPrefix("qemu-system") || name == "qemu-kvm" || name == "kvm"
  }

  private static func holdsDevice(_ pid: Int32) -> Bool {
    guard let process = try? RunningProcess(pid) else { return false }
    return (try? ProcessDevices.descriptors(of: process))?.contains(where: \.isDevice) ?? false
  }

  /// The UUID that libvirt gives QEMU (`-uuid`).
  private static func domain(ofProcess pid: Int32) -> String? {
    let arguments = (try? ProcFiles.arguments(of: pid)) ?? []
    return zip(arguments, arguments.dropFirst()).first { $0.0 == "-uuid" || $0.0 == "--uuid" }?
      .1.lowercased()
  }
}

extension GuestFacts {
  /// The guest's name on QEMU's command line.
  fileprivate var guestName: String? {
    switch qmp {
    case .success(let sockets)?: sockets.guestName
    case .failure(.ownedByLibvirt(_, let name))?: name
    case .failure?, nil: nil
    }
  }
}
