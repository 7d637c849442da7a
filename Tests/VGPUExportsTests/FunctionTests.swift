// SPDX-License-Identifier: Apache-2.0

import CVGPU
import Foundation
import MonitorEDID
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay
import VGPUExports

/// The functions of vgpu.h, on the synthetic guest.
@Suite struct FunctionTests {
  private static func text(_ error: vgpu_error) -> String {
    withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func demo() throws -> OpaquePointer {
    var error = vgpu_error()
    let source = vgpu_source_open("demo", 0, -1, &error)
    return try #require(source, "\(text(error))")
  }

  @Test func handlesThatAreNoneAreErrors() {
    var error = vgpu_error()
    var frame = vgpu_frame()
    frame.flip = 7
    #expect(vgpu_source_poll(nil, &frame) == VGPU_STATE_ENDED)
    #expect(frame.flip == 0)
    #expect(vgpu_source_poll(nil, nil) == VGPU_STATE_ENDED)
    #expect(vgpu_source_open(nil, 0, -1, &error) == nil)
    #expect(error.code == VGPU_ERROR_ARGUMENT && Self.text(error).contains("target"))
    #expect(vgpu_source_open(nil, 0, -1, nil) == nil)
    #expect(vgpu_source_open_fd(0, nil, 1, 0, nil) == nil)
    #expect(vgpu_source_fd(nil, 60, nil) == -1)
    #expect(vgpu_source_name(nil, nil, 0) == 0)
    #expect(vgpu_source_message(nil, nil, 0) == 0)
    #expect(vgpu_source_process(nil) == 0)
    #expect(vgpu_source_counters(nil, nil, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_source_get_buffer(nil, 1, nil) == nil)
    #expect(vgpu_source_set_monitor(nil, 800, 600, 60, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_source_monitor_limits(nil, nil, nil, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_buffer_describe(nil, nil, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_buffer_fd(nil) == -1)
    #expect(vgpu_buffer_dup_fd(nil, nil) == -1)
    #expect(vgpu_buffer_copy_rgb(nil, nil, 0, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_buffer_read(nil, nil, nil, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_edid_make(800, 600, 60, nil, nil, nil) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_list(nil, 1, nil, nil) == VGPU_ERROR_ARGUMENT)
    vgpu_source_close(nil)
    vgpu_buffer_release(nil)
  }

  @Test(arguments: [
    ("", VGPU_ERROR_ARGUMENT), ("demos", VGPU_ERROR_ARGUMENT), ("\u{FFFD}", VGPU_ERROR_ARGUMENT),
    ("pid:\(Int32.max)", VGPU_ERROR_NOT_FOUND), ("pid:\(getpid())", VGPU_ERROR_NO_DISPLAY),
    ("11223344-5566-7788-99aa-bbccddeeff00", VGPU_ERROR_NOT_FOUND),
  ])
  func whatCannotBeOpenedIsSaid(target: String, code: Int) {
    var error = vgpu_error()
    #expect(vgpu_source_open(target, 0, -1, &error) == nil)
    #expect(error.code == code, "\(Self.text(error))")
    #expect(!Self.text(error).isEmpty)
  }

  @Test func wrongNumbersAreErrors() throws {
    var error = vgpu_error()
    #expect(vgpu_source_open("demo", 4, -1, &error) == nil)
    #expect(error.code == VGPU_ERROR_ARGUMENT && Self.text(error).contains("flags 4"))
    let unreadable: [CChar] = [-1, 0]
    #expect(vgpu_source_open(unreadable, 0, -1, &error) == nil)
    #expect(Self.text(error).contains("UTF-8"))
    let uuid = "11223344-5566-7788-99aa-bbccddeeff00"
    #expect(vgpu_source_open_fd(-1, uuid, getpid(), 0, &error) == nil)
    #expect(error.code == VGPU_ERROR_NOT_FOUND)
    #expect(vgpu_source_open_fd(-1, "x", getpid(), 0, &error) == nil)
    #expect(error.code == VGPU_ERROR_ARGUMENT)

    let source = try Self.demo()
    defer { vgpu_source_close(source) }
    for rate in [0, -1, 1001, .nan, .infinity] {
      #expect(vgpu_source_fd(source, rate, &error) == -1)
      #expect(error.code == VGPU_ERROR_ARGUMENT)
    }
    #expect(vgpu_source_get_buffer(source, 1, &error) == nil)
    #expect(error.code == VGPU_ERROR_NO_PICTURE)
    #expect(vgpu_source_get_buffer(source, 0, &error) == nil)
    #expect(error.code == VGPU_ERROR_ARGUMENT)
    var side: UInt32 = 0
    var other: UInt32 = 0
    for (flags, code) in [(0, VGPU_ERROR_ARGUMENT), (VGPU_OPEN_MONITOR, VGPU_ERROR_UNSUPPORTED)] {
      let source = vgpu_source_open("demo", UInt32(flags), -1, &error)
      defer { vgpu_source_close(source) }
      #expect(vgpu_source_set_monitor(source, 800, 600, 60, &error) == code)
      #expect(vgpu_source_monitor_limits(source, &side, &other, &error) == code)
      #expect(vgpu_source_set_monitor(source, 1, 1, .nan, &error) == VGPU_ERROR_ARGUMENT)
    }
  }

  @Test func framesNameTheirBuffers() throws {
    let source = try Self.demo()
    defer { vgpu_source_close(source) }
    var frame = vgpu_frame()
    var buffers: Set<UInt64> = []
    while buffers.count < 3 || frame.flip < 6 {
      try #require(vgpu_source_poll(source, &frame) == VGPU_STATE_FRAME)
      buffers.insert(frame.buffer_id)
    }
    #expect(buffers.count == 3 && !buffers.contains(frame.cursor_id))
    #expect(frame.cursor_id != 0 && frame.hotspot_x == 0 && frame.hotspot_y == 0)
    #expect(frame.detected_ns > 0)
    var counters = vgpu_counters()
    #expect(vgpu_source_counters(source, &counters, nil) == VGPU_OK)
    #expect(counters.flips == frame.flip && counters.gets == 4)
    #expect(vgpu_source_message(source, nil, 0) == 0)
    #expect(vgpu_source_process(source) == 0)
  }

  @Test func aBufferOutlivesItsSource() throws {
    let source = try Self.demo()
    var frame = vgpu_frame()
    #expect(vgpu_source_poll(source, &frame) == VGPU_STATE_FRAME)
    let buffer = try #require(vgpu_source_get_buffer(source, Int32(VGPU_PLANE_PRIMARY), nil))
    let cursor = try #require(vgpu_source_get_buffer(source, Int32(VGPU_PLANE_CURSOR), nil))
    vgpu_source_close(source)

    var info = vgpu_buffer_info()
    #expect(vgpu_buffer_describe(buffer, &info, nil) == VGPU_OK)
    #expect(info.id == frame.buffer_id && info.width == 1024 && info.height == 768)
    #expect(info.stride == 4096 && info.offset == 0 && info.size >= 4096 * 768)
    #expect(info.modifier == 0 && info.fourcc == 0x3432_5258)
    #expect(info.storage == VGPU_STORAGE_DMABUF || info.storage == VGPU_STORAGE_MEMORY_FILE)

    let duplicate = vgpu_buffer_dup_fd(buffer, nil)
    #expect(duplicate >= 0 && duplicate != vgpu_buffer_fd(buffer))
    #expect(fcntl(duplicate, F_GETFD) == FD_CLOEXEC)
    close(duplicate)

    var rgb = [UInt8](repeating: 0, count: 1024 * 768 * 3)
    #expect(vgpu_buffer_copy_rgb(buffer, &rgb, rgb.count - 1, nil) == VGPU_ERROR_ARGUMENT)
    #expect(rgb.allSatisfy { $0 == 0 })
    #expect(vgpu_buffer_copy_rgb(buffer, &rgb, rgb.count, nil) == VGPU_OK)
    SavedFrame(try #require(Picture(width: 1024, height: 768, rgb: rgb)))
      .expect(TestPattern(width: 1024, height: 768, live: .full))

    // The cursor's first pixel is black.
    var first: UInt32 = 0
    let code = vgpu_buffer_read(
      cursor,
      { bytes, size, context in
        guard let bytes, size >= 64 * 64 * 4 else { return }
        context?.storeBytes(of: bytes.load(as: UInt32.self), as: UInt32.self)
      }, &first, nil)
    #expect(code == VGPU_OK && first == 0xFF00_0000)
    vgpu_buffer_release(buffer)
    vgpu_buffer_release(cursor)
  }

  @Test(.timeLimit(.minutes(15))) func theTimerRingsUntilItIsPolled() throws {
    let source = try Self.demo()
    defer { vgpu_source_close(source) }
    let fd = vgpu_source_fd(source, 1000, nil)
    #expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC)
    #expect(vgpu_source_fd(source, 500, nil) == fd)
    var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    // It may ring again while the frame is made, on a busy machine, but not each time.
    repeat {
      #expect(poll(&entry, 1, -1) == 1)
      #expect(vgpu_source_poll(source, nil) == VGPU_STATE_FRAME)
    } while poll(&entry, 1, 0) != 0
  }

  @Test func textsAreCutAtACharacter() throws {
    let source = try Self.demo()
    defer { vgpu_source_close(source) }
    var text = [CChar](repeating: 1, count: 4)
    #expect(vgpu_source_name(source, &text, 3) == 4)
    #expect(text == [100, 101, 0, 1])
    #expect(vgpu_source_name(source, &text, 0) == 4)
    #expect(vgpu_source_name(source, nil, 4) == 4)
    // A message of many bytes a character ends with a whole one.
    var error = vgpu_error()
    #expect(vgpu_source_open(String(repeating: "€", count: 300), 0, -1, &error) == nil)
    let bytes = withUnsafeBytes(of: error.message) { Array($0.prefix { $0 != 0 }) }
    #expect(String(validating: bytes, as: UTF8.self)?.allSatisfy { $0 == "€" } == true)
    #expect(bytes.count == 501)
  }

  @Test func edidIsTheLibrarys() throws {
    var bytes = [UInt8](repeating: 0, count: Int(VGPU_EDID_SIZE))
    #expect(vgpu_edid_make(1920, 1080, 60, "mine", &bytes, nil) == VGPU_OK)
    #expect(
      bytes == (try EDID(mode: DisplayMode(width: 1920, height: 1080), name: "mine").bytes))
    var error = vgpu_error()
    #expect(vgpu_edid_make(1, 1080, 60, nil, &bytes, &error) == VGPU_ERROR_ARGUMENT)
    #expect(Self.text(error).contains("1x1080@60"))
    #expect(vgpu_edid_make(1920, 1080, 60, "", &bytes, nil) == VGPU_ERROR_ARGUMENT)
  }

  @Test func severalThreadsMayUseOneSource() async throws {
    struct Shared: @unchecked Sendable {
      // A pointer that the library lets every thread use.
      let source: OpaquePointer
    }
    let shared = Shared(source: try Self.demo())
    defer { vgpu_source_close(shared.source) }
    await withTaskGroup { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<50 {
            var frame = vgpu_frame()
            guard vgpu_source_poll(shared.source, &frame) == VGPU_STATE_FRAME else { continue }
            guard let buffer = vgpu_source_get_buffer(shared.source, 2, nil) else { continue }
            #expect(vgpu_buffer_read(buffer, { _, _, _ in }, nil, nil) == VGPU_OK)
            vgpu_buffer_release(buffer)
          }
        }
      }
    }
    var counters = vgpu_counters()
    #expect(vgpu_source_counters(shared.source, &counters, nil) == VGPU_OK)
    #expect(counters.queries == 400)
  }

  @Test func hostsDevicesAreListed() {
    var count = -1
    var error = vgpu_error()
    let code = vgpu_list(nil, 0, &count, &error)
    #expect(code == VGPU_OK && count >= 0, "\(Self.text(error))")
    #expect(vgpu_list(nil, 1, &count, nil) == VGPU_ERROR_ARGUMENT)
  }
}
