// SPDX-License-Identifier: Apache-2.0
//
// Tells what becomes of the host's vGPUs, or of one guest's screen, until it is ended: a line for each
// change, and nothing is polled that can tell.
//
//   swift run watch              the vGPUs that come and go
//   swift run watch TARGET [N]   a guest's screen: demo, a vGPU's UUID, pid:N, libvirt:NAME; ends after N lines

import Attachment
import HostDevices
import VGPUDisplay

func watchVGPUs() async throws {
  // First the sequence and then the list, so that none is missed.
  let events = try VGPUEvents()
  for vGPU in try HostHardware().devices() { print("\(vGPU.uuid) is there: \(vGPU.type)") }
  for await event in events {
    switch event {
    case .added(let uuid): print("\(uuid) was created")
    case .removed(let uuid): print("\(uuid) is removed")
    case .missed: print("events were lost: list again")
    @unknown default: break
    }
  }
}

func watchScreen(_ target: Target, lines: Int) async throws {
  let source = try AttachedSource(target, waiting: true)
  var count = 0
  for await update in DisplayUpdates(of: source) {
    switch update.state {
    case .frame(let frame):
      let layout = frame.primary.layout
      print("flip \(frame.flip): \(layout.width)x\(layout.height) \(layout.format)")
    case .noPicture(let reason): print(reason)
    @unknown default: break
    }
    count += 1
    if count == lines { return }
  }
}

let arguments = CommandLine.arguments.dropFirst()
if let text = arguments.first {
  if let target = Target(text) {
    try await watchScreen(target, lines: arguments.dropFirst().first.flatMap { Int($0) } ?? .max)
  } else {
    print("\(text): no target; give demo, a vGPU's UUID, pid:N or libvirt:NAME")
  }
} else {
  try await watchVGPUs()
}
