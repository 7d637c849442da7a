// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import Glibc
import HostDevices
import LinuxSystem
import TestPatterns
import VFIO

/// A guest without a CPU: owns an mbochs or mdpy mdev, as a VM manager does, and draws the test
/// pattern on it.
@main
struct RigGuest: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rig-guest",
    abstract: "Owns a vGPU and draws the test pattern on it, as a guest would.",
    discussion: """
      Prints one line when the first frame is visible: "ready WIDTHxHEIGHT". Ends at SIGTERM \
      or after --frames.
      """)

  @Argument(help: "The mdev's UUID.")
  var uuid: String

  @Option(help: "The mode as WIDTHxHEIGHT; mdpy has one of its own.")
  var mode = "1024x768"

  @Option(help: "Flips a second; 0 draws frame --first and waits.")
  var fps = 60.0

  @Option(help: "How many buffers to flip among (mbochs).")
  var buffers = 2

  @Option(help: "What changes with each frame: box or full.")
  var live = "box"

  @Option(help: "The first frame's number.")
  var first: UInt32 = 0

  @Option(help: "End after so many frames.")
  var frames: UInt32?

  @Option(help: "How to open the device: group or cdev.")
  var interface = "group"

  @Flag(help: "Flip as fast as possible instead of --fps.")
  var flood = false

  func run() throws {
    guard let uuid = MdevUUID(uuid), let vGPU = HostHardware().device(uuid) else {
      throw ValidationError("\(self.uuid): no such mdev")
    }
    guard let live = TestPattern.Live(rawValue: live) else {
      throw ValidationError("--live \(self.live): box or full")
    }
    let owned = try device(of: vGPU)
    let screen: any Screen =
      vGPU.parent == "mdpy"
      ? try MdpyScreen(owned, live: live)
      : try MbochsScreen(owned, mode: parsedMode(), buffers: buffers, live: live)
    try screen.show(first)
    print("ready \(screen.pattern.width)x\(screen.pattern.height)")
    fflush(nil)
    guard fps > 0 || flood else {
      while true { pause() }
    }
    let start = MonotonicInstant.now
    var shown: UInt32 = 0
    while frames.map({ shown < $0 }) ?? true {
      shown &+= 1
      if !flood { sleepUntil(start, plus: Double(shown) / fps) }
      try screen.show(first &+ shown)
    }
    print("drawn \(shown)")
  }

  private func device(of vGPU: MdevDevice) throws -> OwnedDevice {
    switch interface {
    case "cdev":
      guard let node = vGPU.deviceNode else {
        throw ValidationError("\(vGPU.uuid) has no node of its own")
      }
      return try OwnedDevice(cdev: node)
    case "group":
      guard let number = vGPU.iommuGroup else {
        throw ValidationError("\(vGPU.uuid) has no IOMMU group")
      }
      return try OwnedDevice(named: "\(vGPU.uuid)", inGroup: number)
    default:
      throw ValidationError("--interface \(interface): group or cdev")
    }
  }

  private func parsedMode() throws -> (width: Int, height: Int) {
    let sides = mode.split(separator: "x").compactMap { Int($0) }
    guard sides.count == 2, sides.allSatisfy({ (1...16384).contains($0) }) else {
      throw ValidationError("--mode \(mode): WIDTHxHEIGHT")
    }
    return (sides[0], sides[1])
  }

  private func sleepUntil(_ start: MonotonicInstant, plus seconds: Double) {
    let due = start.nanoseconds + UInt64(seconds * 1e9)
    var time = timespec(tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}

/// Something that shows frames of the test pattern.
protocol Screen {
  var pattern: TestPattern { get }
  func show(_ frame: UInt32) throws
}
