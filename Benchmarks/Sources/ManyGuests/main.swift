// SPDX-License-Identifier: Apache-2.0

// The cost of a vGPU in a process that shows sixteen, compared with a process that shows one: CPU
// time to poll a guest that has flipped, and to poll it, draw its frame and read it back, each
// guest with its own context or all with one. Run it in the rig; it makes sixteen mbochs mdevs of
// its own. Prints JSON: nanoseconds for each vGPU and frame, by round.
//
//   ManyGuests [ROUNDS]

import EGLPresenter
import Foundation
import HostDevices
import VFIO
import VGPUDisplay

/// A vGPU that this process owns, and a viewer's parts for it.
final class Guest {
  private let container: Container
  private let group: Group
  private let device: Device
  private let registers: RegionInfo
  private let source: DisplaySource<DisplayDevice>
  private let renderer: FrameRenderer
  private var frame: UInt16 = 0

  static let mode: (width: UInt16, height: UInt16) = (320, 256)

  init(_ vGPU: MdevDevice) throws {
    guard let number = vGPU.iommuGroup else { throw Problem("\(vGPU.uuid) has no IOMMU group") }
    let container = try Container()
    let group = try Group(number: number)
    try group.setContainer(container)
    try container.setIOMMU(.type1v2)
    let device = try group.device(named: "\(vGPU.uuid)")
    registers = try device.regionInfo(PCIRegion.bar(2))
    let (width, height) = Self.mode
    let values: [(UInt64, UInt16)] = [
      (1, width), (2, height), (3, 32), (6, width), (7, 2 * height), (4, 0x41),
    ]
    for (register, value) in values { try device.write(registers, at: 0x500 + register * 2, value) }
    source = DisplaySource(try device.displayDevice())
    renderer = try FrameRenderer(RenderContext(.headless(renderNode: nil)))
    self.device = device
    self.group = group
    self.container = container
  }

  func flip() throws {
    frame ^= 1
    try device.write(registers, at: 0x500 + 9 * 2, frame * Self.mode.height)
  }

  func poll() throws -> Frame {
    guard case .frame(let frame) = source.poll() else { throw Problem("a guest has no picture") }
    return frame
  }

  func draw() throws { _ = try renderer.pixels(of: try poll()) }

  /// The same with a renderer that several share.
  func draw(with renderer: FrameRenderer) throws { _ = try renderer.pixels(of: try poll()) }
}

struct Problem: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

struct Answer: Encodable {
  var count = 0
  var pollOne: [Double] = []
  var pollMany: [Double] = []
  var drawOne: [Double] = []
  var drawMany: [Double] = []
  var sharedOne: [Double] = []
  var sharedMany: [Double] = []
}

func processTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// The CPU time for each guest and frame. The flips are the guests' work, so they are not counted.
func cost(_ guests: [Guest], frames: Int, _ work: (Guest) throws -> Void) throws -> Double {
  var total = 0.0
  for _ in 0..<frames {
    for guest in guests { try guest.flip() }
    let start = processTime()
    for guest in guests { try work(guest) }
    total += processTime() - start
  }
  return total / Double(frames * guests.count)
}

func run() throws {
  let rounds = max(1, CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 15)
  let host = HostHardware()
  var made: [MdevDevice] = []
  defer { for vGPU in made { try? host.remove(vGPU.uuid) } }
  for _ in 0..<16 { made.append(try host.create(type: "mbochs-medium")) }
  var answer = Answer()
  try measure(try made.map { try Guest($0) }, rounds, &answer)
  print(String(decoding: try JSONEncoder().encode(answer), as: UTF8.self))
}

func measure(_ guests: [Guest], _ rounds: Int, _ answer: inout Answer) throws {
  answer.count = guests.count
  // Fetch, import and draw both buffers of each guest once.
  for guest in guests {
    for _ in 0..<4 {
      try guest.flip()
      // The first query of a mode answers ENOMEM.
      _ = try? guest.draw()
    }
  }
  // One context for all, because one thread draws them.
  let shared = try FrameRenderer(RenderContext(.headless(renderNode: nil)))
  for guest in guests {
    for _ in 0..<4 {
      try guest.flip()
      try guest.draw(with: shared)
    }
  }
  for round in 0..<rounds {
    // In turn, with as many frames of the one guest as of all the others together.
    let one = [guests[round % guests.count]]
    answer.pollOne.append(try cost(one, frames: 20 * guests.count) { _ = try $0.poll() })
    answer.pollMany.append(try cost(guests, frames: 20) { _ = try $0.poll() })
    answer.drawOne.append(try cost(one, frames: 2 * guests.count) { try $0.draw() })
    answer.drawMany.append(try cost(guests, frames: 2) { try $0.draw() })
    answer.sharedOne.append(
      try cost(one, frames: 2 * guests.count) { try $0.draw(with: shared) })
    answer.sharedMany.append(try cost(guests, frames: 2) { try $0.draw(with: shared) })
  }
}

do {
  try run()
} catch {
  print("ManyGuests: \(error)")
  exit(1)
}
