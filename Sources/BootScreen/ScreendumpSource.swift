// SPDX-License-Identifier: Apache-2.0

import DMABuf
package import GuestControl
package import VGPUDisplay

/// QEMU's own screen as a frame source, by QMP's `screendump`. QEMU reports no changes, so it has to be
/// asked, and each picture that differs from the one before is a flip.
package final class ScreendumpSource: FrameSource {
  package let name = "screendump"
  package let counters = SourceCounters()
  package let holdsDevice = false
  private let dumper: ScreenDumper
  private var shown: Shown?

  private struct Shown {
    let number: UInt64
    let frame: Frame
    /// One object for the same memory, so that a renderer can reuse its import.
    var planes: [(buffer: DMABuffer, plane: PlaneBuffer)]
  }

  package init(_ control: GuestController) { dumper = ScreenDumper(control) }

  /// The last picture, or none yet. There will be a newer one.
  package func poll() -> DisplayState {
    guard let dump = dumper.latest() else { return .noPicture(.planeOff) }
    if let shown, shown.number == dump.number { return .frame(shown.frame) }
    var planes = shown?.planes ?? []
    let plane: PlaneBuffer
    if let known = planes.first(where: { $0.buffer === dump.buffer }) {
      plane = known.plane
    } else {
      do {
        plane = try PlaneBuffer(dump.info, buffer: dump.buffer)
      } catch {
        return .noPicture(.defective(error))
      }
      planes.append((dump.buffer, plane))
      if planes.count > ScreenDumpRing.count { planes.removeFirst() }
    }
    let frame = Frame(
      primary: plane, cursor: nil, flip: dump.number, detectedAt: dump.takenAt)
    shown = Shown(number: dump.number, frame: frame, planes: planes)
    return .frame(frame)
  }

  /// Takes no more pictures until the next poll.
  package func pause() {
    dumper.rest()
    shown = nil
  }
}
