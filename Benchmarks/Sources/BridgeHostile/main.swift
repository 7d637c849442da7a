// SPDX-License-Identifier: Apache-2.0

// The cost of a hostile client of `vgpu bridge` for its other clients. Four viewers look 60 times a
// second while another user's client attacks, and while it does not, in turn within one run.
//
//   BridgeHostile VGPU [ROUNDS [TARGET]]     (VGPU: the program to run as bridge; 5; demo)
//   BridgeHostile --messages N               (mutated messages that a bridge without limits reads)

import BridgeClient
import Foundation

let hostileUser: UInt32 = 1234
let viewerCount = 4

/// Starts this program again as the attacker, and as another user.
func attack(_ kind: Attack, _ path: String) throws -> Process {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  process.arguments = ["attack", kind.rawValue, path]
  try process.run()
  return process
}

func at(_ share: Double, _ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}

/// The share of the viewers' frames that an attack left.
struct Comparison {
  var before = Sample()
  var during = Sample()
  var messages: UInt64 = 0
  var connections: UInt64 = 0
  var logged = 0

  static let spanSeconds = 2.0

  func row(_ name: String, rounds: Int) -> String {
    let seconds = Self.spanSeconds * Double(rounds)
    // An answer that comes after the next refresh is of no use for this one.
    func inTime(_ sample: Sample) -> Double { Double(sample.looks.count { $0 < 16_667 }) }
    func column(_ format: String, _ values: Double...) -> String {
      String(format: format, arguments: values.map { $0 as CVarArg })
    }
    return name.padding(toLength: 12, withPad: " ", startingAt: 0)
      + column(
        "%7.1f %7.1f %6.3f %6.3f", Double(during.looks.count) / seconds / Double(viewerCount),
        Double(during.flips) / seconds / Double(viewerCount), inTime(during) / inTime(before),
        Double(during.flips) / Double(before.flips))
      + column(
        " %7.0f %7.0f %7.0f %7.0f", at(0.5, before.looks), at(0.5, during.looks),
        at(0.99, before.looks), at(0.99, during.looks))
      + column(
        " %8.1f %8.1f", at(0.99, before.arrivals) / 1000, at(0.99, during.arrivals) / 1000)
      + " \(during.shutOut)"
      + column(
        " %9.0f %9.0f %8.0f", Double(messages) / seconds, Double(connections) / seconds,
        Double(logged) / seconds)
  }
}

extension Sample {
  mutating func add(_ other: Sample) {
    looks += other.looks
    flips += other.flips
    arrivals += other.arrivals
    shutOut += other.shutOut
  }
}

func measure(_ program: String, rounds: Int, target: String) throws {
  let bridge = try Bridge([
    program, "bridge", target, "--allow", "user:\(hostileUser)", "--socket",
  ])
  let viewers = Viewers(bridge.path, count: viewerCount)
  func span() -> Sample {
    _ = viewers.take()
    usleep(UInt32(Comparison.spanSeconds * 1e6))
    return viewers.take()
  }
  _ = span()
  let kinds = Attack.allCases
  var results = Array(repeating: Comparison(), count: kinds.count)
  var had: [String] = []
  for round in 0..<rounds {
    had.append("\(bridge.descriptors) descriptors, \(bridge.memory) KiB")
    for (index, kind) in kinds.enumerated() {
      results[index].before.add(span())
      let before = try BridgeListing(path: bridge.path).counters
      let logged = bridge.logged
      let attacker = try attack(kind, bridge.path)
      usleep(200_000)
      results[index].during.add(span())
      attacker.terminate()
      attacker.waitUntilExit()
      usleep(200_000)
      guard bridge.isRunning else { throw CocoaError(.executableNotLoadable) }
      let after = try BridgeListing(path: bridge.path).counters
      results[index].messages += after.messages - before.messages
      results[index].connections += after.connections - before.connections
      results[index].logged += bridge.logged - logged
      print("round \(round + 1), \(kind.rawValue)")
    }
  }
  had.append("\(bridge.descriptors) descriptors, \(bridge.memory) KiB")
  print(
    """
    \(rounds) x \(Comparison.spanSeconds) s, \(viewerCount) viewers; of each: looks and new frames a second, then the ratios to the same
    without an attack of looks answered in time and of new frames; a look's us p50 and p99, and a new viewer's ms p99 until its first
    frame, without and with; new viewers shut out; the bridge's messages, connections and bytes of log a second
    """)
  for (kind, result) in zip(kinds, results) { print(result.row(kind.rawValue, rounds: rounds)) }
  print("the bridge at each round's start: " + had.joined(separator: "; "))
}

/// Counts what the bridge has read, because it does not read messages after one that ends the
/// connection.
func count(to wanted: UInt64) throws {
  let bridge = try Bridge(["/proc/self/exe", "serve"])
  let viewers = Viewers(bridge.path, count: viewerCount)
  usleep(2_000_000)
  let still = viewers.take()
  let start = monotonic()
  let first = (bridge.descriptors, bridge.memory)
  let attacker = try attack(.mutated, bridge.path)
  defer { attacker.terminate() }
  var next = wanted / 10
  while true {
    usleep(1_000_000)
    let counters = try BridgeListing(path: bridge.path).counters
    guard counters.messages >= next || counters.messages >= wanted else { continue }
    let seconds = Double(monotonic() - start) / 1e9
    print(
      "\(counters.messages) messages, \(counters.malformed) malformed, \(counters.connections)",
      "connections, \(counters.expelled) thrown out in \(Int(seconds)) s;",
      "\(bridge.descriptors) descriptors, \(bridge.memory) KiB")
    next += wanted / 10
    if counters.messages >= wanted { break }
  }
  attacker.terminate()
  attacker.waitUntilExit()
  let during = viewers.take()
  usleep(2_000_000)
  let seconds = Double(monotonic() - start) / 1e9
  print(
    "before: \(first.0) descriptors, \(first.1) KiB; after:",
    "\(bridge.descriptors) descriptors, \(bridge.memory) KiB; running: \(bridge.isRunning)")
  print(
    "new frames a second of each viewer: before \(still.flips / 2 / viewerCount), during",
    "\(Int(Double(during.flips) / seconds) / viewerCount)")
}

func run() throws {
  let arguments = Array(CommandLine.arguments.dropFirst())
  switch arguments.first {
  case "attack":
    guard arguments.count == 3, let kind = Attack(rawValue: arguments[1]) else { return }
    guard setgroups(0, nil) == 0, setgid(hostileUser) == 0, setuid(hostileUser) == 0 else {
      print("attack: cannot become user \(hostileUser): run as root")
      return
    }
    kind.run(arguments[2])
  case "serve": try Bridge.serve(arguments[1])
  case "--messages": try count(to: arguments.dropFirst().first.flatMap { UInt64($0) } ?? 10_000_000)
  case let program?:
    try measure(
      program, rounds: arguments.dropFirst().first.flatMap { Int($0) } ?? 5,
      target: arguments.dropFirst(2).first ?? "demo")
  case nil: print("usage: BridgeHostile VGPU [ROUNDS [TARGET]] | --messages N")
  }
}

try run()
