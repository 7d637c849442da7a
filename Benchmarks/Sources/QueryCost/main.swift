// SPDX-License-Identifier: Apache-2.0

// The cost that the library adds to VFIO_DEVICE_QUERY_GFX_PLANE: the call through the library, compared
// with the same ioctl in C, on the same device, in turn within one process. Run it in the rig; it makes
// an mbochs mdev of its own.
//
//   QueryCost [CALLS-A-ROUND [ROUNDS]]

import CRawQuery
import Glibc
import HostDevices
import VFIO

func nanoseconds(_ body: () throws -> Void) rethrows -> Double {
  var start = timespec()
  var end = timespec()
  clock_gettime(CLOCK_MONOTONIC, &start)
  try body()
  clock_gettime(CLOCK_MONOTONIC, &end)
  return Double(end.tv_sec - start.tv_sec) * 1e9 + Double(end.tv_nsec - start.tv_nsec)
}

/// Makes the call as a viewer does. Returns how many calls failed.
func libraryQuery(_ display: borrowing DisplayDevice, _ count: Int) -> Int {
  var failed = 0
  for _ in 0..<count {
    do throws(VFIOError) {
      if try display.query(.primary, .dmaBuf).isOff { failed += 1 }
    } catch {
      failed += 1
    }
  }
  return failed
}

func spread(_ values: [Double]) -> (low: Double, median: Double, high: Double) {
  let sorted = values.sorted()
  return (sorted[0], sorted[sorted.count / 2], sorted[sorted.count - 1])
}

func text(_ value: Double, _ digits: Int) -> String {
  var factor = 1.0
  for _ in 0..<digits { factor *= 10 }
  return "\((value * factor).rounded() / factor)"
}

func run() throws {
  let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
  let calls = max(1, numbers.first ?? 20_000)
  let rounds = max(1, numbers.dropFirst().first ?? 21)

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
  let mode: [(UInt64, UInt16)] = [(1, 640), (2, 480), (3, 32), (6, 640), (7, 480), (4, 0x41)]
  for (register, value) in mode { try device.write(registers, at: 0x500 + register * 2, value) }
  let display = try device.displayDevice()
  // The first query of a mode answers ENOMEM.
  _ = try? display.query(.primary, .dmaBuf)

  var failed = 0
  func byLibrary() { failed += libraryQuery(display, calls) }
  func inC() { failed += raw_query(device.rawValue, calls) }

  byLibrary()
  inC()
  var library: [Double] = []
  var raw: [Double] = []
  for round in 0..<rounds {
    // In turn, with a changing first, so that a machine that slows down does so for both.
    if round % 2 == 0 {
      library.append(nanoseconds(byLibrary) / Double(calls))
      raw.append(nanoseconds(inC) / Double(calls))
    } else {
      raw.append(nanoseconds(inC) / Double(calls))
      library.append(nanoseconds(byLibrary) / Double(calls))
    }
  }
  let ratio = spread(zip(library, raw).map { $0 / $1 })
  print("\(rounds) rounds of \(calls) calls each, \(failed) failed")
  for (name, values) in [("in C", raw), ("by the library", library)] {
    let one = spread(values)
    print("\(name): \(text(one.median, 1)) ns a call (\(text(one.low, 1)) to \(text(one.high, 1)))")
  }
  print("ratio: \(text(ratio.median, 4)) (\(text(ratio.low, 4)) to \(text(ratio.high, 4)))")
}

do {
  try run()
} catch {
  print("QueryCost: \(error)")
  exit(1)
}
