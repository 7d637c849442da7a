// SPDX-License-Identifier: Apache-2.0

import CVGPU
import Foundation
import HostDevices
import TestSupport
import Testing
import VGPUDisplay
import VGPUExports
import VGPUManagerExports

extension RigTests {
  /// What a VM manager does by vgpu.h alone: makes a vGPU, starts a Linux guest on it, looks, types,
  /// plugs a drive in, powers the guest down, and removes the vGPU.
  @Suite(.onOwnThread) final class ManagerTests {
    private var error = vgpu_error()
    private let folder = "/dev/shm/manager-\(UUID().uuidString.prefix(8))"

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static func text<Characters>(_ characters: Characters) -> String {
      withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private var message: String { Self.text(error.message) }

    private func plan(_ vGPU: String, _ qemu: String) throws -> OpaquePointer {
      let plan = try #require(vgpu_plan_new())
      var codes = [
        vgpu_plan_set_vgpu(plan, vGPU, &error), vgpu_plan_set_qemu(plan, qemu, &error),
        vgpu_plan_set_machine(plan, Int32(VGPU_MACHINE_PC), &error),
        vgpu_plan_set_memory(plan, 192, &error), vgpu_plan_set_cpus(plan, 1, &error),
        vgpu_plan_set_network(plan, "none", &error),
        vgpu_plan_set_folders(plan, folder, folder, &error),
      ]
      let words = try TestMachine.linuxGuest() + ["-serial", "stdio"]
      for word in words { codes.append(vgpu_plan_add_argument(plan, word, &error)) }
      try #require(codes.allSatisfy { $0 == VGPU_OK }, "\(message)")
      return plan
    }

    /// The board that the guest shows, when it is as hoped for.
    private func board(
      _ source: OpaquePointer, _ what: String, until isThere: (InputBoard) -> Bool
    ) throws -> InputBoard {
      var last: InputBoard?
      let deadline = Date(timeIntervalSinceNow: 120)
      while Date() < deadline {
        usleep(100_000)
        guard vgpu_source_poll(source, nil) == VGPU_STATE_FRAME,
          let buffer = vgpu_source_get_buffer(source, Int32(VGPU_PLANE_PRIMARY), &error)
        else { continue }
        defer { vgpu_buffer_release(buffer) }
        var info = vgpu_buffer_info()
        guard vgpu_buffer_describe(buffer, &info, &error) == VGPU_OK else { continue }
        let (width, height) = (Int(info.width), Int(info.height))
        var rgb = [UInt8](repeating: 0, count: width * height * 3)
        guard vgpu_buffer_copy_rgb(buffer, &rgb, rgb.count, &error) == VGPU_OK,
          let picture = Picture(width: width, height: height, rgb: rgb),
          let found = InputBoard(in: picture)
        else { continue }
        last = found
        if isThere(found) { return found }
      }
      return try #require(
        nil, "\(what): \(last.map { "\($0)" } ?? "no board"); \(message)")
    }

    /// Waits until the guest has written a line to its serial port.
    private func wait(forLine line: String, _ guest: OpaquePointer) throws {
      var path = [CChar](repeating: 0, count: 512)
      let count = vgpu_guest_log(guest, &path, path.count)
      let log = String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let deadline = Date(timeIntervalSinceNow: 120)
      var text = ""
      while Date() < deadline {
        text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        let lines = text.split(whereSeparator: \.isNewline)
        if lines.contains(where: { $0.trimmingCharacters(in: .whitespaces) == line }) { return }
        usleep(100_000)
      }
      Issue.record("no line \(line) in \(text.suffix(500))")
    }

    private func waitForEnd(_ guest: OpaquePointer) {
      var entry = pollfd(fd: vgpu_guest_fd(guest), events: Int16(POLLIN), revents: 0)
      #expect(poll(&entry, 1, 120_000) == 1)
      var detail: Int32 = -1
      #expect(vgpu_guest_state(guest, &detail) == VGPU_GUEST_EXITED && detail == 0)
    }

    @Test(.timeLimit(.minutes(15)), arguments: LaunchTests.programs)
    func aGuestsWholeLife(program: String, handover: String) throws {
      var types = [vgpu_type](repeating: vgpu_type(), count: 16)
      var count = 0
      #expect(vgpu_list_types(&types, types.count, &count, &error) == VGPU_OK)
      let type = try #require(
        types.prefix(count).first { Self.text($0.id) == "mbochs-medium" }, "\(count)")
      #expect(Self.text(type.parent) == "mbochs" && type.available > 0)

      var device = vgpu_device()
      try #require(
        vgpu_device_create("mbochs-medium", "mbochs", nil, 0, &device, &error) == VGPU_OK,
        "\(message)")
      let uuid = Self.text(device.uuid)
      #expect(Self.text(device.type) == "mbochs-medium" && device.user == 0)
      #expect(
        vgpu_device_create("mbochs-medium", nil, uuid, 0, nil, &error) == VGPU_ERROR_IN_USE,
        "\(message)")
      defer { #expect(vgpu_device_remove(uuid, 0, &error) == VGPU_OK, "\(message)") }

      let plan = try plan(uuid, program)
      defer { vgpu_plan_free(plan) }
      let guest = try #require(vgpu_guest_start(plan, &error), "\(message)")
      defer {
        vgpu_guest_kill(guest, nil)
        vgpu_guest_close(guest)
        if let uuid = MdevUUID(uuid) { LaunchTests.waitUntilUnused(uuid) }
      }
      #expect(vgpu_guest_device(guest, &device, &error) == VGPU_OK)
      #expect(Self.text(device.uuid) == uuid && device.user != 0)
      #expect(vgpu_guest_start(plan, &error) == nil && error.code == VGPU_ERROR_IN_USE)
      #expect(vgpu_device_remove(uuid, 0, &error) == VGPU_ERROR_IN_USE, "\(message)")

      let source = try #require(vgpu_guest_open_source(guest, 0, &error), "\(message)")
      defer { vgpu_source_close(source) }
      #expect(vgpu_source_process(source) == vgpu_guest_process(guest))
      let control = try #require(vgpu_guest_open_control(guest, &error), "\(message)")
      defer { vgpu_control_close(control) }
      try typeInto(control, source)
      // A control that follows the source, by QEMU's other socket.
      let following = try #require(vgpu_source_open_control(source, &error), "\(message)")
      while vgpu_control_input(following) == 0 { usleep(50_000) }
      #expect(vgpu_control_key(following, 48, 1, &error) == VGPU_OK, "\(message)")
      _ = try board(source, "B") { $0.key(48).isDown }
      vgpu_control_close(following)
      _ = try board(source, "B let go") { $0.key(48).releases == 1 && !$0.key(48).isDown }

      try HotplugTests.withDrive("a disc of ours") { drive in
        #expect(vgpu_control_plug(control, drive, &error) == VGPU_OK, "\(message)")
        try wait(forLine: "drive sr0 a disc of ours", guest)
        #expect(vgpu_control_plug(control, drive, &error) == VGPU_ERROR_IN_USE)
        var plugged = [vgpu_plugged()]
        #expect(vgpu_control_list_plugged(control, &plugged, 1, &count, &error) == VGPU_OK)
        #expect(count == 1 && Self.text(plugged[0].device) == drive)
        #expect(vgpu_control_unplug(control, drive, 30_000, &error) == VGPU_OK, "\(message)")
        #expect(vgpu_control_list_plugged(control, nil, 0, &count, &error) == VGPU_OK)
        #expect(count == 0)
      }

      #expect(vgpu_control_power_down(control, &error) == VGPU_OK, "\(message)")
      waitForEnd(guest)
      try wait(forLine: "power button", guest)
      #expect(vgpu_guest_clean_up(guest, &error) == VGPU_OK, "\(message)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy {
          $0.hasSuffix(".log")
        })
    }

    private func typeInto(_ control: OpaquePointer, _ source: OpaquePointer) throws {
      _ = try board(source, "untouched") { $0.touched.isEmpty && $0.takesInput }
      while vgpu_control_input(control) & UInt32(VGPU_INPUT_TABLET) == 0 { usleep(100_000) }
      for code in [
        vgpu_control_key(control, 30, 1, &error), vgpu_control_key(control, 31, 1, &error),
        vgpu_control_key(control, 31, 0, &error),
        vgpu_control_absolute(control, 12345, 23456, &error),
        vgpu_control_button(control, 0x111, 1, &error),
        vgpu_control_wheel(control, Int32(VGPU_AXIS_VERTICAL), -2, &error),
      ] { #expect(code == VGPU_OK, "\(message)") }
      let pressed = try board(source, "typed") {
        $0.key(31).releases == 1 && $0.key(0x111).isDown && $0.wheel == 2
      }
      #expect(pressed.key(30) == (1, 0, true) && pressed.key(31) == (1, 1, false))
      #expect(pressed.absolute == (12345, 23456))
      #expect(vgpu_control_release_all(control, &error) == VGPU_OK)
      let released = try board(source, "let go") {
        !$0.key(30).isDown && !$0.key(0x111).isDown
      }
      #expect(released.key(30) == (1, 1, false) && released.key(0x111) == (1, 1, false))
    }

    /// A vGPU that is made for a guest goes with it, also when the guest is killed.
    @Test(.timeLimit(.minutes(15))) func aVGPUOfATypeGoesWithItsGuest() throws {
      let plan = try plan("mbochs-small", LaunchTests.programs[0].0)
      defer { vgpu_plan_free(plan) }
      let guest = try #require(vgpu_guest_start(plan, &error), "\(message)")
      defer { vgpu_guest_close(guest) }
      var notes: [String] = []
      var note = [CChar](repeating: 0, count: 512)
      while case let length = vgpu_guest_note(guest, notes.count, &note, note.count), length > 0 {
        notes.append(
          String(decoding: note.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self))
      }
      #expect(notes.contains { $0.hasPrefix("made the vGPU ") }, "\(notes)")
      var count = 0
      #expect(vgpu_list(nil, 0, &count, &error) == VGPU_OK && count == 1)
      let source = try #require(vgpu_guest_open_source(guest, 0, &error), "\(message)")
      #expect(vgpu_guest_kill(guest, &error) == VGPU_OK, "\(message)")
      vgpu_source_close(source)
      #expect(vgpu_guest_end(guest, 0, &error) == VGPU_OK, "\(message)")
      #expect(vgpu_list(nil, 0, &count, &error) == VGPU_OK && count == 0)
    }

    /// A persistent vGPU, with Debian's mdevctl.
    @Test func aPersistentVGPU() throws {
      var device = vgpu_device()
      let flags = UInt32(VGPU_CREATE_PERSISTENT | VGPU_CREATE_MANUAL)
      try #require(
        vgpu_device_create("mbochs-small", nil, nil, flags, &device, &error) == VGPU_OK,
        "\(message)")
      let uuid = Self.text(device.uuid)
      var kept = [vgpu_persistent_device()]
      var count = 0
      #expect(vgpu_list_persistent(&kept, 1, &count, &error) == VGPU_OK && count == 1)
      #expect(Self.text(kept[0].uuid) == uuid && kept[0].start == VGPU_START_MANUAL)
      #expect(Self.text(kept[0].type) == "mbochs-small" && Self.text(kept[0].parent) == "mbochs")
      #expect(vgpu_device_remove(uuid, 0, &error) == VGPU_OK, "\(message)")
      #expect(vgpu_list(nil, 0, &count, &error) == VGPU_OK && count == 0)
      #expect(vgpu_device_start(uuid, &error) == VGPU_OK, "\(message)")
      #expect(vgpu_list(nil, 0, &count, &error) == VGPU_OK && count == 1)
      let forever = UInt32(VGPU_REMOVE_PERSISTENT)
      #expect(vgpu_device_remove(uuid, forever, &error) == VGPU_OK, "\(message)")
      #expect(vgpu_list_persistent(nil, 0, &count, &error) == VGPU_OK && count == 0)
      #expect(vgpu_device_remove(uuid, forever, &error) == VGPU_ERROR_NOT_FOUND, "\(message)")
    }
  }
}
