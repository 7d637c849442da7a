// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The article on symptoms is found by the words of logs and screens.
@Suite struct TroubleshootingTests {
  /// What people have reported, as it was spelt there: intel/gvt-linux #45 #69 #126 #53 #227 #19 #60 #71
  /// #35 #162 #98 #36 #156 #112, kubevirt #7245, virt-manager #428, Proxmox's forum.
  static let words = [
    ["Guest has not initialized the display (yet)", "black window"],
    ["EPERM", "Operation not permitted", "ptrace_scope", "1, 2 or 3"],
    ["blinks or hangs", "vfio_pin_page_external:", "RLIMIT_MEMLOCK (N) exceeded"],
    ["could not insert 'kvmgt': No such device", "Ice Lake, Tiger Lake"],
    ["Unsupported device. GVT-g is disabled", "Linux 5.1"],
    ["vfio-display-dmabuf: opengl not available", "egl: no drm render node available"],
    ["does not support requested IGD OpRegion feature: No such device", "4.17"],
    ["vfio_region_write(", "region0+0x", "0x0,4) failed: Bad address"],
    ["pointer is where it should not be", "tablet"],
    ["high CPU"], ["30 fps"],
    ["window freezes while the mouse is in it", "two GPUs"],
    ["HiDPI", "tiny", "huge", "--scale"],
    ["EDID", "1920x1080", "Broadwell"],
    ["modifier key", "stuck in the guest after leaving the window"],
    ["keyboard layout"],
    ["mouse is too fast or too slow", "acceleration twice"],
    ["suspend or hibernate", "enable_gvt"],
    ["Resetting rcs0 for hang", "freeze"],
    ["unable to connect to VM 103 qmp socket", "Proxmox", "pvestatd"],
  ]

  @Test(arguments: words) func aRowHasThem(words: [String]) throws {
    let article = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Sources/HostCheck/HostCheck.docc/Troubleshooting.md")
    let rows = try String(contentsOf: article, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("| ") }
    let row = rows.first { row in words.allSatisfy(row.contains) }
    #expect(row != nil, "no row has \(words)")
    #expect(row.map { $0.split(separator: " | ").count == 3 } ?? true, "symptom, cause, remedy")
  }
}
