// SPDX-License-Identifier: Apache-2.0

// The cost of a frame's way through `vgpu bridge`: a look at a guest through the bridge, compared
// with a look at the same guest directly, in turn. In the rig, the program makes an mbochs mdev and
// flips it before each look; the bridge duplicates the device out of this process. Elsewhere both
// look at a synthetic guest; the bridge's guest moves, and is drawn at each look. For comparison,
// two threads that do nothing else exchange a message and its answer: this is the cost of waking
// two threads here.
//
//   BridgeCost VGPU [LOOKS]        (VGPU: the program to run as bridge; 5000 looks)

import BridgeClient
import Foundation
import HostDevices
import VFIO
import VGPUDisplay

func microseconds(_ body: () -> Void) -> Double {
  var start = timespec()
  var end = timespec()
  clock_gettime(CLOCK_MONOTONIC, &start)
  body()
  clock_gettime(CLOCK_MONOTONIC, &end)
  return Double(end.tv_sec - start.tv_sec) * 1e6 + Double(end.tv_nsec - start.tv_nsec) / 1e3
}

func row(_ name: String, _ values: [Double]) -> String {
  let sorted = values.sorted()
  func at(_ share: Double) -> String {
    String(format: "%9.1f", sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
  }
  return name.padding(toLength: 16, withPad: " ", startingAt: 0) + at(0.5) + at(0.95) + at(0.99)
    + at(1)
}

func withBridge(_ program: String, _ target: String, _ body: (BridgeSource) -> Void) throws {
  let path = "/dev/shm/bridge-cost-\(getpid()).sock"
  let bridge = Process()
  bridge.executableURL = URL(fileURLWithPath: program)
  bridge.arguments = ["bridge", "--socket", path, target]
  try bridge.run()
  defer {
    bridge.terminate()
    bridge.waitUntilExit()
  }
  while true {
    if let source = try? BridgeSource(path: path) {
      body(source)
      return
    }
    usleep(100_000)
  }
}

/// Answers each message of a socket pair, on a thread of its own, with one as long as a bridge's.
final class Echo {
  private let near: Int32

  init?() {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else { return nil }
    near = ends[0]
    let far = ends[1]
    Thread.detachNewThread {
      var answer = [UInt8](repeating: 0, count: 64)
      var entry = pollfd(fd: far, events: Int16(POLLIN), revents: 0)
      while poll(&entry, 1, -1) > 0, recv(far, &answer, 64, 0) > 0 { send(far, &answer, 64, 0) }
    }
  }

  func ask() {
    var message = [UInt8](repeating: 0, count: 64)
    var entry = pollfd(fd: near, events: Int16(POLLIN), revents: 0)
    send(near, &message, 8, 0)
    _ = poll(&entry, 1, -1)
    recv(near, &message, 64, 0)
  }
}

/// - Parameter flip: makes the guest show its next buffer.
func compare(_ direct: any FrameSource, _ bridged: BridgeSource, looks: Int, flip: () -> Void) {
  var byBridge: [Double] = []
  var directly: [Double] = []
  var bare: [Double] = []
  guard let echo = Echo() else { return print("BridgeCost: no socket pair can be had") }
  var late = 0
  for look in 0..<looks + 200 {
    flip()
    let asked = bridged.counters.queries
    let bridge = microseconds { _ = bridged.poll() }
    if bridged.counters.queries == asked { late += 1 }
    flip()
    let device = microseconds { _ = direct.poll() }
    // A viewer at 240 Hz looks this often. Two looks at the same moment would share one.
    usleep(4000)
    let message = microseconds { echo.ask() }
    usleep(4000)
    guard look >= 200 else { continue }
    bare.append(message)
    byBridge.append(bridge)
    directly.append(device)
  }
  print("us, \(looks) looks       p50      p95      p99      max")
  print(row("directly", directly))
  print(row("by the bridge", byBridge))
  print(row("a bare answer", bare))
  print("answers that came after the poll's 2 ms: \(late)")
}

func run() throws {
  guard CommandLine.arguments.count > 1 else {
    print("usage: BridgeCost VGPU [LOOKS]")
    return
  }
  let program = CommandLine.arguments[1]
  let looks = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 5000
  guard ProcessInfo.processInfo.environment["VGPU_RIG"] != nil else {
    let direct = DisplaySource(try SyntheticGuest(framesPerSecond: 0))
    try withBridge(program, "demo") { compare(direct, $0, looks: looks) {} }
    return
  }
  let host = HostHardware()
  let vGPU = try host.create(type: "mbochs-small")
  defer { try? host.remove(vGPU.uuid) }
  guard let number = vGPU.iommuGroup else { return }
  let container = try Container()
  let group = try Group(number: number)
  try group.setContainer(container)
  try container.setIOMMU(.type1v2)
  let device = try group.device(named: "\(vGPU.uuid)")
  let registers = try device.regionInfo(PCIRegion.bar(2))
  let mode: [(UInt64, UInt16)] = [(1, 640), (2, 480), (3, 32), (6, 640), (7, 1440), (4, 0x41)]
  for (register, value) in mode { try device.write(registers, at: 0x500 + register * 2, value) }
  let direct = DisplaySource(try device.displayDevice())
  // The first query of a mode answers ENOMEM.
  _ = direct.poll()
  var line: UInt16 = 0
  try withBridge(program, "\(vGPU.uuid)") { bridged in
    compare(direct, bridged, looks: looks) {
      line = (line + 480) % 1440
      try? device.write(registers, at: 0x512, line)
    }
  }
}

try run()
