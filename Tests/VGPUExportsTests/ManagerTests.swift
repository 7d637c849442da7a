// SPDX-License-Identifier: Apache-2.0

import CVGPU
import Foundation
import TestSupport
import Testing
import VGPUDisplay
import VGPUExports
import VGPUManagerExports

/// What a VM manager calls, on a machine without vGPUs and with a real QEMU.
@Suite(.onOwnThread, .timeLimit(.minutes(15))) final class ManagerTests {
  private let folder = "/tmp/vgpu-manager-\(UUID().uuidString.prefix(8))"
  private var error = vgpu_error()

  init() throws {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private var message: String { Self.text(error.message) }

  /// What a function writes that is like snprintf(3).
  private static func written(_ write: (UnsafeMutablePointer<CChar>, Int) -> Int) -> String {
    var room = [CChar](repeating: 0, count: 512)
    let count = write(&room, room.count)
    return String(decoding: room.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test func handlesThatAreNoneAreErrors() {
    let wrong = Int32(VGPU_ERROR_ARGUMENT)
    vgpu_plan_free(nil)
    vgpu_guest_close(nil)
    vgpu_control_close(nil)
    vgpu_agent_close(nil)
    vgpu_sound_close(nil)
    #expect(vgpu_plan_set_name(nil, "x", &error) == wrong && message.contains("vgpu_plan"))
    #expect(vgpu_plan_set_memory(nil, 1, nil) == wrong)
    #expect(vgpu_plan_domain_xml(nil, nil) == nil)
    #expect(vgpu_guest_start(nil, nil) == nil)
    #expect(vgpu_guest_process(nil) == 0 && vgpu_guest_fd(nil) == -1)
    #expect(vgpu_guest_log(nil, nil, 0) == 0 && vgpu_guest_socket(nil, nil, 0) == 0)
    #expect(vgpu_guest_note(nil, 0, nil, 0) == 0)
    var detail: Int32 = 7
    #expect(vgpu_guest_state(nil, &detail) == VGPU_GUEST_ENDED && detail == 0)
    #expect(vgpu_guest_device(nil, nil, nil) == wrong)
    #expect(vgpu_guest_open_source(nil, 0, nil) == nil)
    #expect(vgpu_guest_open_control(nil, nil) == nil)
    for function in [vgpu_guest_kill, vgpu_guest_clean_up] { #expect(function(nil, nil) == wrong) }
    #expect(vgpu_guest_end(nil, 0, nil) == wrong)
    #expect(vgpu_source_open_control(nil, nil) == nil)
    #expect(vgpu_control_open(nil, nil, 0, &error) == nil && error.code == wrong)
    #expect(vgpu_control_input(nil) == 0 && vgpu_control_message(nil, nil, 0) == 0)
    #expect(vgpu_control_machine(nil) == VGPU_MACHINE_STATE_UNKNOWN)
    #expect(vgpu_control_key(nil, 30, 1, nil) == wrong)
    #expect(vgpu_control_button(nil, 0x110, 1, nil) == wrong)
    #expect(vgpu_control_absolute(nil, 1, 1, nil) == wrong)
    #expect(vgpu_control_relative(nil, 1, 1, nil) == wrong)
    #expect(vgpu_control_wheel(nil, 0, 1, nil) == wrong)
    for function in [
      vgpu_control_release_all, vgpu_control_power_down, vgpu_control_reset, vgpu_control_quit,
    ] { #expect(function(nil, nil) == wrong) }
    #expect(vgpu_control_fd(nil, nil) == -1)
    var event = vgpu_event()
    event.kind = 7
    #expect(vgpu_control_read_event(nil, &event) == 0 && event.kind == 0)
    #expect(vgpu_control_read_event(nil, nil) == 0)
    #expect(vgpu_control_plug(nil, "usb:1.1", nil) == wrong)
    #expect(vgpu_control_unplug(nil, "usb:1.1", 0, nil) == wrong)
    #expect(vgpu_control_list_plugged(nil, nil, 0, nil, nil) == wrong)
    #expect(vgpu_agent_open(nil, nil, &error) == nil && error.code == wrong)
    #expect(vgpu_agent_open_fd(-1, &error) == nil && error.code == VGPU_ERROR_SYSTEM)
    #expect(vgpu_guest_open_agent(nil, nil) == nil)
    #expect(vgpu_agent_state(nil) == VGPU_AGENT_UNAVAILABLE)
    #expect(vgpu_agent_message(nil, nil, 0) == 0 && vgpu_agent_fd(nil, nil) == -1)
    #expect(vgpu_agent_read_event(nil, nil) == 0)
    #expect(vgpu_agent_wait(nil, 0, nil) == wrong && vgpu_agent_withdraw(nil, nil) == wrong)
    #expect(vgpu_agent_offer_text(nil, "a", 1, nil) == wrong)
    #expect(vgpu_agent_get_text(nil, 0, nil, nil, nil) == wrong)
    #expect(vgpu_agent_send_files(nil, nil, 0, nil, nil) == wrong)
    #expect(vgpu_agent_cancel(nil, 1, nil) == wrong)
    #expect(vgpu_source_open_sound(nil, nil, nil) == nil)
    #expect(vgpu_sound_set_muted(nil, 1, nil) == wrong)
    #expect(vgpu_sound_set_microphone(nil, 1, nil) == wrong)
    #expect(vgpu_sound_activity(nil) == 0 && vgpu_sound_message(nil, nil, 0) == 0)
    #expect(vgpu_list_types(nil, 1, nil, nil) == wrong)
    #expect(vgpu_list_persistent(nil, 1, nil, nil) == wrong)
    #expect(vgpu_device_create(nil, nil, nil, 0, nil, nil) == wrong)
    #expect(vgpu_device_remove(nil, 0, nil) == wrong && vgpu_device_start(nil, nil) == wrong)
  }

  @Test func whatIsNoVGPUIsSaid() {
    let uuid = "11223344-5566-7788-99aa-bbccddeeff00"
    #expect(vgpu_device_create("no-type", nil, nil, 0, nil, &error) == VGPU_ERROR_NOT_FOUND)
    #expect(vgpu_device_create("t", nil, "x", 0, nil, &error) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_device_create("t", nil, nil, 4, nil, &error) == VGPU_ERROR_ARGUMENT)
    #expect(message.contains("flags 4"))
    #expect(vgpu_device_create("t", nil, nil, 2, nil, &error) == VGPU_ERROR_ARGUMENT)
    #expect(message.contains("add VGPU_CREATE_PERSISTENT"))
    #expect(vgpu_device_remove(uuid, 0, &error) == VGPU_ERROR_NOT_FOUND && message.contains(uuid))
    #expect(vgpu_device_remove("x", 0, &error) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_device_remove(uuid, 2, &error) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_device_start("x", &error) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_device_start(uuid, &error) == VGPU_ERROR_NOT_FOUND, "\(message)")
    var count = -1
    #expect(vgpu_list_types(nil, 0, &count, &error) == VGPU_OK && count >= 0, "\(message)")
    #expect(vgpu_list_persistent(nil, 0, &count, &error) == VGPU_OK && count >= 0, "\(message)")
  }

  @Test(.needs("qemu-system-x86_64")) func hostsCheckIsTheCommands() throws {
    #expect(vgpu_check_host(0, nil, 0, nil, &error) == nil && message.contains("profile 0"))
    #expect(vgpu_check_host(7, nil, 0, nil, &error) == nil && message.contains("profile 7"))
    #expect(vgpu_check_host(1, "x", 0, nil, &error) == nil && message.contains("PCI address"))
    for (profile, name) in [
      (VGPU_PROFILE_GVT_G, "gvt-g"), (VGPU_PROFILE_IGD, "igd"), (VGPU_PROFILE_GPU, "gpu"),
      (VGPU_PROFILE_VIRTIO, "virtio"), (VGPU_PROFILE_SRIOV, "sriov"),
      (VGPU_PROFILE_NVIDIA, "nvidia"),
    ] {
      let report = try #require(
        vgpu_check_host(Int32(profile), nil, 8192, nil, &error), "\(message)")
      defer { free(report) }
      let command = try Program.run([
        CLibraries.command.path, "doctor", "--for", name,
        "--memory", "8G", "--json",
      ])
      #expect(String(cString: report) + "\n" == command.text)
      #expect(command.text.contains("\"purpose\" : \"\(name)\""))
    }
  }

  @Test(.needs("qemu-system-x86_64")) func planRefusesWhatHasNoMeaning() throws {
    let plan = vgpu_plan_new()
    defer { vgpu_plan_free(plan) }
    let wrong = Int32(VGPU_ERROR_ARGUMENT)
    #expect(vgpu_plan_set_profile(plan, 9, nil) == wrong)
    #expect(vgpu_plan_set_vgpu(plan, "", nil) == wrong)
    #expect(vgpu_plan_set_gpu(plan, "x", nil) == wrong)
    #expect(vgpu_plan_add_disk(plan, "a,format=vmdk", &error) == wrong)
    #expect(message.contains("format=raw or format=qcow2"))
    #expect(vgpu_plan_add_disk(plan, nil, nil) == wrong)
    #expect(vgpu_plan_set_memory(plan, 0, nil) == wrong)
    #expect(vgpu_plan_set_cpus(plan, 513, nil) == wrong)
    #expect(vgpu_plan_set_firmware(plan, 3, nil) == wrong)
    #expect(vgpu_plan_set_machine(plan, 3, nil) == wrong)
    #expect(vgpu_plan_set_feature(plan, 99, 1, nil) == wrong)
    #expect(vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_KVM), 2, nil) == wrong)
    for function in [vgpu_plan_add_pci, vgpu_plan_add_usb] {
      #expect(function(plan, "x", nil) == wrong)
    }
    #expect(vgpu_plan_set_network(plan, "bridge", nil) == wrong)
    #expect(vgpu_plan_set_huge_pages(plan, 4, nil) == wrong)
    #expect(vgpu_plan_set_folders(plan, "/tmp", nil, nil) == wrong)
    for number in 0..<9 {
      #expect(vgpu_plan_add_scsi(plan, "/dev/sr0", nil) == (number < 8 ? Int32(VGPU_OK) : wrong))
    }
    // Parts that do not go together, at the start.
    let other = vgpu_plan_new()
    defer { vgpu_plan_free(other) }
    #expect(vgpu_plan_set_name(other, "other", nil) == VGPU_OK)
    #expect(vgpu_plan_set_gpu(other, "01:00", nil) == VGPU_OK)
    #expect(vgpu_guest_start(other, &error) == nil)
    #expect(error.code == wrong && message.contains("choose the profile gpu or igd"), "\(message)")
    #expect(vgpu_plan_set_gpu(other, nil, nil) == VGPU_OK)
    #expect(vgpu_plan_add_argument(other, "-daemonize", nil) == VGPU_OK)
    #expect(vgpu_guest_start(other, &error) == nil)
    #expect(error.code == wrong && message.hasPrefix("-daemonize: "), "\(message)")
    #expect(vgpu_plan_set_qemu(other, "no-such-qemu", nil) == VGPU_OK)
    #expect(vgpu_guest_start(other, &error) == nil && error.code == VGPU_ERROR_NOT_FOUND)
  }

  /// The XML is the command's for the same options.
  @Test(.needs("qemu-system-x86_64")) func planIsADomain() throws {
    let disk = "\(folder)/disk.img"
    try Data(repeating: 0, count: 4096).write(to: URL(fileURLWithPath: disk))
    let uuid = "11223344-5566-7788-99aa-bbccddeeff00"
    let plan = vgpu_plan_new()
    defer { vgpu_plan_free(plan) }
    for (code, what) in [
      (vgpu_plan_set_vgpu(plan, uuid, &error), "vgpu"),
      (vgpu_plan_add_disk(plan, "\(disk),format=raw", &error), "disk"),
      (vgpu_plan_set_cdrom(plan, disk, &error), "cdrom"),
      (vgpu_plan_add_cdrom(plan, "\(disk),format=raw", &error), "second cdrom"),
      (vgpu_plan_set_memory(plan, 2048, &error), "memory"),
      (vgpu_plan_set_cpus(plan, 3, &error), "cpus"),
      (vgpu_plan_set_firmware(plan, Int32(VGPU_FIRMWARE_BIOS), &error), "firmware"),
      (vgpu_plan_set_machine(plan, Int32(VGPU_MACHINE_PC), &error), "machine"),
      (vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_WINDOWS), 1, &error), "windows"),
      (vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_VIRTIO), 1, &error), "virtio"),
      (vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_BOOT_SCREEN), 0, &error), "boot screen"),
      (vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_HIDDEN_HYPERVISOR), 1, &error), "hidden"),
      (vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_TPM), 1, &error), "TPM"),
      (vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_GUEST_AGENT), 0, &error), "agent"),
      (vgpu_plan_add_pci(plan, "05:00.0", &error), "pci"),
      (vgpu_plan_add_usb(plan, "046d:c52b", &error), "usb"),
      (vgpu_plan_add_share(plan, folder, 1, &error), "share"),
      (vgpu_plan_set_network(plan, "tap:tap7", &error), "network"),
      (vgpu_plan_set_huge_pages(plan, 2, &error), "hugepages"),
      (vgpu_plan_add_argument(plan, "-no-reboot", &error), "argument"),
    ] { try #require(code == VGPU_OK, "\(what): \(message)") }
    let xml = try #require(vgpu_plan_domain_xml(plan, &error), "\(message)")
    defer { free(xml) }
    let command = try Program.run([
      "sh", "-c", #"exec "$0" "$@" 2>/dev/null"#,
      CLibraries.command.path, "xml", "--vgpu", uuid, "--disk",
      "\(disk),format=raw", "--cdrom", disk, "--cdrom", "\(disk),format=raw", "--memory", "2G",
      "--cpus", "3", "--firmware", "bios",
      "--machine", "pc", "--windows", "--virtio", "--no-boot-screen", "--hide-hypervisor", "--tpm",
      "--no-guest-agent", "--share", "\(folder):ro",
      "--pci", "05:00.0", "--usb", "046d:c52b", "--network", "tap:tap7", "--hugepages", "2M",
      "--", "-no-reboot",
    ])
    #expect(command.code == 0 && command.text == String(cString: xml), "\(command.text)")
    #expect(command.text.contains("<domain"))
  }

  /// A plan for a guest with a virtio GPU, whose processor is held.
  private func heldPlan(_ program: String) throws -> OpaquePointer {
    let plan = try #require(vgpu_plan_new())
    for code in [
      vgpu_plan_set_name(plan, "held", &error), vgpu_plan_set_memory(plan, 64, &error),
      vgpu_plan_set_cpus(plan, 1, &error), vgpu_plan_set_network(plan, "none", &error),
      vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_KVM), 0, &error),
      vgpu_plan_set_qemu(plan, program, &error),
      vgpu_plan_set_folders(plan, folder, folder, &error),
      vgpu_plan_add_argument(plan, "-S", &error),
    ] { try #require(code == VGPU_OK, "\(message)") }
    return plan
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func guestIsStartedAndEnds(program: String) throws {
    let plan = try heldPlan(program)
    defer { vgpu_plan_free(plan) }
    let guest = try #require(vgpu_guest_start(plan, &error), "\(message)")
    defer { vgpu_guest_close(guest) }
    let pid = vgpu_guest_process(guest)
    #expect(pid > 0 && kill(pid, 0) == 0)
    #expect(Self.written { vgpu_guest_log(guest, $0, $1) } == "\(folder)/held.log")
    #expect(Self.written { vgpu_guest_socket(guest, $0, $1) } == "\(folder)/held.qmp")
    // An older QEMU gives no sound away, and that is all there is to note.
    let note = Self.written { vgpu_guest_note(guest, 0, $0, $1) }
    #expect(note == "" || note.contains("the guest gets no sound"), "\(note)")
    #expect(vgpu_guest_note(guest, note == "" ? 0 : 1, nil, 0) == 0)
    var detail: Int32 = -1
    #expect(vgpu_guest_state(guest, &detail) == VGPU_GUEST_RUNNING && detail == 0)
    var device = vgpu_device()
    #expect(vgpu_guest_device(guest, &device, &error) == VGPU_ERROR_NO_DISPLAY)
    let screen = try #require(vgpu_guest_open_source(guest, 0, &error), "\(message)")
    #expect(vgpu_source_process(screen) == pid)
    vgpu_source_close(screen)
    #expect(vgpu_guest_clean_up(guest, &error) == VGPU_ERROR_IN_USE)
    // A second one of the name.
    #expect(vgpu_guest_start(plan, &error) == nil && error.code == VGPU_ERROR_IN_USE, "\(message)")

    let fd = vgpu_guest_fd(guest)
    var end = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    #expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && poll(&end, 1, 0) == 0)
    // Held processors take no notice of the power button.
    #expect(vgpu_guest_end(guest, 200, &error) == VGPU_OK, "\(message)")
    #expect(poll(&end, 1, 0) == 1)
    #expect(vgpu_guest_state(guest, &detail) == VGPU_GUEST_KILLED && detail == SIGKILL)
    #expect(vgpu_guest_clean_up(guest, &error) == VGPU_OK)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["held.log"])

    #expect(vgpu_plan_add_argument(plan, "-no-such-option", nil) == VGPU_OK)
    #expect(vgpu_guest_start(plan, &error) == nil && error.code == VGPU_ERROR_SYSTEM)
    #expect(message.contains("-no-such-option"), "\(message)")
  }

  /// A virtio GPU is what a plan has by itself, and what a plan with a vGPU has not.
  @Test(.needs("qemu-system-x86_64")) func graphicsFollowThePlan() throws {
    let plan = try heldPlan(try #require(TestMachine.programs.first))
    defer { vgpu_plan_free(plan) }
    func xml() throws -> String {
      let text = try #require(vgpu_plan_domain_xml(plan, &error), "\(message)")
      defer { free(text) }
      return String(cString: text)
    }
    func set(_ profile: Int) -> Int32 { vgpu_plan_set_profile(plan, Int32(profile), &error) }
    let virtio = "<model type='virtio' primary='yes'"
    #expect(try xml().contains(virtio) && xml().contains("<graphics type='dbus' p2p='yes'"))
    #expect(set(VGPU_PROFILE_VIRTIO) == VGPU_OK)
    #expect(vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_GL), 1, &error) == VGPU_OK)
    #expect(try xml().contains("<acceleration accel3d='yes'/>"))
    #expect(vgpu_plan_set_feature(plan, Int32(VGPU_FEATURE_GL), 0, &error) == VGPU_OK)
    #expect(try !xml().contains("accel3d"))
    #expect(vgpu_plan_set_vgpu(plan, "i915-GVTg_V5_4", &error) == VGPU_OK)
    #expect(vgpu_plan_domain_xml(plan, &error) == nil && error.code == VGPU_ERROR_ARGUMENT)
    #expect(message.contains("has no vGPU"), "\(message)")
    #expect(set(VGPU_PROFILE_DEFAULT) == VGPU_OK)
    #expect(try xml().contains("type='mdev'") && !xml().contains(virtio))
    #expect(vgpu_plan_set_vgpu(plan, nil, &error) == VGPU_OK)
    #expect(set(VGPU_PROFILE_GVT_G) == VGPU_OK)
    #expect(vgpu_guest_start(plan, &error) == nil && error.code == VGPU_ERROR_ARGUMENT)
    #expect(message.contains("profile gvt-g: name a vGPU"), "\(message)")
  }

  @Test(.needs("qemu-system-x86_64")) func aStartedGuestIsControlled() throws {
    let plan = try heldPlan(try #require(TestMachine.programs.last))
    defer { vgpu_plan_free(plan) }
    let guest = try #require(vgpu_guest_start(plan, &error), "\(message)")
    defer { vgpu_guest_close(guest) }
    let control = try #require(vgpu_guest_open_control(guest, &error), "\(message)")
    #expect(vgpu_control_machine(control) == VGPU_MACHINE_STATE_PAUSED)
    // It takes no input, and says why.
    #expect(vgpu_control_input(control) == 0)
    #expect(vgpu_control_key(control, 30, 1, &error) == VGPU_ERROR_NOT_RUNNING)
    #expect(message == Self.written { vgpu_control_message(control, $0, $1) } && message != "")
    // The socket serves one client, and this is a third one of its sockets' two.
    let target = "pid:\(vgpu_guest_process(guest))"
    let second = try #require(vgpu_control_open(target, nil, 0, &error), "\(message)")
    #expect(vgpu_control_open(target, nil, 0, &error) == nil && error.code == VGPU_ERROR_IN_USE)
    vgpu_control_close(second)

    #expect(vgpu_control_plug(control, "usb:dead:beef", &error) == VGPU_ERROR_NOT_FOUND)
    #expect(vgpu_control_plug(control, "/dev/null", &error) == VGPU_ERROR_UNSUPPORTED, "\(message)")
    #expect(vgpu_control_plug(control, "x", &error) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_control_unplug(control, "/dev/sr0", 0, &error) == VGPU_ERROR_NOT_FOUND)
    var count = -1
    #expect(vgpu_control_list_plugged(control, nil, 0, &count, &error) == VGPU_OK && count == 0)

    let fd = vgpu_control_fd(control, &error)
    #expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && vgpu_control_fd(control, nil) == fd)
    #expect(vgpu_control_reset(control, &error) == VGPU_OK, "\(message)")
    #expect(vgpu_control_quit(control, &error) == VGPU_OK, "\(message)")
    var event = vgpu_event()
    var kinds: [Int32] = []
    repeat {
      var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      try #require(poll(&entry, 1, -1) == 1)
      while vgpu_control_read_event(control, &event) == 1 { kinds.append(event.kind) }
      #expect(event.kind == 0)
    } while !kinds.contains(Int32(VGPU_EVENT_DISCONNECTED))
    for kind in [VGPU_EVENT_CONNECTED, VGPU_EVENT_RESET, VGPU_EVENT_SHUTDOWN] {
      #expect(kinds.contains(Int32(kind)), "\(kind) in \(kinds)")
    }
    var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    #expect(poll(&entry, 1, 0) == 0)
    // The reason stays the same when the next attempts to connect find no socket any more.
    for _ in 0..<30 {
      #expect(vgpu_control_power_down(control, &error) == VGPU_ERROR_NOT_RUNNING, "\(message)")
      usleep(50_000)
    }
    vgpu_control_close(control)
    var end = pollfd(fd: vgpu_guest_fd(guest), events: Int16(POLLIN), revents: 0)
    #expect(poll(&end, 1, -1) == 1)
    var detail: Int32 = -1
    #expect(vgpu_guest_state(guest, &detail) == VGPU_GUEST_EXITED && detail == 0)
    #expect(vgpu_guest_clean_up(guest, &error) == VGPU_OK, "\(message)")
  }

  @Test(.needs("qemu-system-x86_64")) func inputReachesQEMUAndIsLetGo() throws {
    let machine = try TestMachine(nil, ["-device", "qemu-xhci", "-device", "usb-tablet"])
    let control = try #require(
      vgpu_control_open("pid:\(machine.pid)", nil, 0, &error), "\(message)")
    #expect(vgpu_control_input(control) & UInt32(VGPU_INPUT_KEYBOARD) != 0)
    #expect(vgpu_control_message(control, nil, 0) == 0)
    #expect(vgpu_control_key(control, 30, 1, &error) == VGPU_OK, "\(message)")
    #expect(vgpu_control_key(control, 30, 1, &error) == VGPU_OK, "repeated")
    #expect(vgpu_control_key(control, 48, 1, &error) == VGPU_OK)
    #expect(vgpu_control_key(control, 48, 0, &error) == VGPU_OK)
    #expect(vgpu_control_absolute(control, 100, 40_000, &error) == VGPU_OK)
    #expect(vgpu_control_button(control, 0x111, 1, &error) == VGPU_OK)
    #expect(vgpu_control_wheel(control, Int32(VGPU_AXIS_VERTICAL), 1, &error) == VGPU_OK)
    #expect(vgpu_control_relative(control, 5, -6, &error) == VGPU_OK)
    for code: UInt32 in [0, 768, .max] {
      #expect(vgpu_control_key(control, code, 1, &error) == VGPU_ERROR_ARGUMENT)
    }
    #expect(vgpu_control_button(control, 1, 1, &error) == VGPU_ERROR_ARGUMENT)
    #expect(vgpu_control_wheel(control, 2, 1, &error) == VGPU_ERROR_ARGUMENT)
    while !machine.input.contains("rel y -6") { usleep(20_000) }
    vgpu_control_close(control)
    // The close has let go of what was down, and has waited for it.
    let input = machine.input
    for line in [
      "key a 1", "key b 1", "key b 0", "abs x 100", "abs y 32767", "btn right 1",
      "btn wheel-down 1", "rel x 5", "rel y -6",
    ] { #expect(input.filter { $0 == line }.count == 1, "\(line) in \(input)") }
    for line in ["key a 0", "btn right 0"] { #expect(input.contains(line), "\(line) in \(input)") }
    // Who opens it while nobody is there, and with a flag that is none.
    machine.kill()
    #expect(vgpu_control_open("pid:\(machine.pid)", nil, 0, &error) == nil)
    #expect(
      vgpu_control_open("demo", nil, 0, &error) == nil && error.code == VGPU_ERROR_UNSUPPORTED)
    #expect(vgpu_control_open("pid:1", nil, 8, &error) == nil && error.code == VGPU_ERROR_ARGUMENT)
    #expect(
      vgpu_control_open("pid:1", "/no/socket", 0, &error) == nil
        && error.code == VGPU_ERROR_NOT_FOUND, "\(message)")
    let later = vgpu_control_open("pid:1", "/no/socket", UInt32(VGPU_OPEN_WAIT), &error)
    #expect(later != nil && vgpu_control_input(later) == 0)
    vgpu_control_close(later)
  }

  /// Fingers reach a guest with a touch screen, and no other.
  @Test(.needs("qemu-system-x86_64")) func fingers() throws {
    func touch(
      _ control: OpaquePointer?, _ kind: Int, _ slot: Int32, _ x: Int32 = 0, _ y: Int32 = 0
    ) -> Int32 {
      vgpu_control_touch(control, Int32(kind), slot, x, y, &error)
    }
    let newer = try #require(TestMachine.rigPart("qemu"), "Rig/prepare qemu")
    let machine = try TestMachine(
      "\(newer)/usr/bin/qemu-system-x86_64", ["-device", "virtio-multitouch-pci"])
    let control = try #require(
      vgpu_control_open("pid:\(machine.pid)", nil, 0, &error), "\(message)")
    while vgpu_control_input(control) & UInt32(VGPU_INPUT_TOUCH_SCREEN) == 0 { usleep(20_000) }
    #expect(touch(control, VGPU_TOUCH_DOWN, 0, 100, 40_000) == VGPU_OK, "\(message)")
    #expect(touch(control, VGPU_TOUCH_DOWN, 9, -5, 300) == VGPU_OK, "\(message)")
    #expect(touch(control, VGPU_TOUCH_MOVE, 0, 200, 400) == VGPU_OK, "\(message)")
    #expect(touch(control, VGPU_TOUCH_UP, 0) == VGPU_OK, "\(message)")
    // One that touches nothing.
    #expect(touch(control, VGPU_TOUCH_MOVE, 4, 777, 777) == VGPU_OK, "\(message)")
    for (kind, slot) in [(VGPU_TOUCH_DOWN, -1), (VGPU_TOUCH_UP, 10), (3, 0), (-1, 0)] {
      #expect(touch(control, kind, Int32(slot)) == VGPU_ERROR_ARGUMENT)
    }
    while !machine.input.contains("touch x 200") { usleep(20_000) }
    vgpu_control_close(control)
    // The close has lifted the other finger, and has waited for it.
    let input = machine.input
    for line in ["touch x 100", "touch y 32767", "touch x 0", "touch y 300", "touch y 400"] {
      #expect(input.contains(line), "\(line) in \(input)")
    }
    #expect(!input.contains("touch x 777"))
    #expect(input.count { $0 == "btn touch 1" } == 2, "\(input)")
    #expect(input.count { $0 == "btn touch 0" } >= 2, "\(input)")

    let plain = try TestMachine()
    let other = try #require(
      vgpu_control_open("pid:\(plain.pid)", nil, 0, &error), "\(message)")
    #expect(touch(other, VGPU_TOUCH_DOWN, 0) == VGPU_ERROR_UNSUPPORTED)
    #expect(message.contains("no touch screen"), "\(message)")
    vgpu_control_close(other)
    #expect(touch(nil, VGPU_TOUCH_DOWN, 0) == VGPU_ERROR_ARGUMENT)
  }

  /// The screen that QEMU draws, by QMP's socket and by the process: to the pixel, and told, not asked.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func aScreenThatQEMUDraws(program: String) throws {
    // Its machine never starts: the firmware's cursor would blink, in step with these looks at worst.
    let machine = try TestMachine(
      program, ["-S", "-device", "bochs-display", "-display", "dbus,p2p=yes"])
    for target in ["qmp:\(machine.path)", "pid:\(machine.pid)"] {
      let source = try #require(vgpu_source_open(target, 0, -1, &error), "\(message)")
      defer { vgpu_source_close(source) }
      let fd = vgpu_source_fd(source, 60, &error)
      #expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "\(message)")
      // At rest nothing more is told, and the picture is QEMU's own: a text, as the guest has drawn nothing.
      var rest: Picture?
      while rest == nil {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        if poll(&entry, 1, 500) == 1 {
          _ = vgpu_source_poll(source, nil)
          continue
        }
        let picture = try self.picture(of: source)
        if picture == (try QEMUPicture.taken(at: machine.path)) { rest = picture }
      }
      #expect(rest?.rgb.contains { $0 != 0 } == true)
      // Only who may ask for sizes may.
      #expect(vgpu_source_set_monitor(source, 800, 600, 60, &error) == VGPU_ERROR_ARGUMENT)
      #expect(message.contains("VGPU_OPEN_MONITOR"), "\(message)")
    }
    // Another screen, which is not there, and a guest that has gone.
    #expect(vgpu_source_open_head("qmp:\(machine.path)", 0, 1, &error) == nil)
    #expect(error.code == VGPU_ERROR_NO_DISPLAY && message.contains("no head 1"), "\(message)")
    machine.kill()
    #expect(vgpu_source_open("qmp:\(machine.path)", 0, -1, &error) == nil, "\(message)")
  }

  /// The picture of a source's last poll.
  private func picture(of source: OpaquePointer) throws -> Picture {
    let buffer = try #require(
      vgpu_source_get_buffer(source, Int32(VGPU_PLANE_PRIMARY), &error), "\(message)")
    defer { vgpu_buffer_release(buffer) }
    var info = vgpu_buffer_info()
    #expect(vgpu_buffer_describe(buffer, &info, &error) == VGPU_OK, "\(message)")
    let (width, height) = (Int(info.width), Int(info.height))
    var rgb = [UInt8](repeating: 0, count: width * height * 3)
    #expect(vgpu_buffer_copy_rgb(buffer, &rgb, rgb.count, &error) == VGPU_OK, "\(message)")
    return try #require(Picture(width: width, height: height, rgb: rgb))
  }

  /// Whatever the connection is doing just then.
  @Test(.needs("qemu-system-x86_64")) func closingLetsGoEachTime() throws {
    let machine = try TestMachine()
    for round in 1...25 {
      let control = try #require(vgpu_control_open("pid:1", machine.path, 0, &error), "\(message)")
      #expect(vgpu_control_key(control, 48, 1, &error) == VGPU_OK, "\(message)")
      while machine.input.count(where: { $0 == "key b 1" }) < round { usleep(2000) }
      if round.isMultiple(of: 2) { #expect(vgpu_control_release_all(control, &error) == VGPU_OK) }
      vgpu_control_close(control)
      let releases = machine.input.count { $0 == "key b 0" }
      #expect(releases >= round, "\(round): \(releases)")
      try #require(releases >= round)
    }
  }

  /// Compiles one of this suite's programs in C.
  private func compile(_ name: String) throws -> String {
    let program = "\(folder)/\(name)"
    let source = "Tests/VGPUExportsTests/Programs/\(name).c"
    let compiled = try Program.run([
      "cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", CLibraries.headers,
      CLibraries.package.appendingPathComponent(source).path, "-L\(try CLibraries.folder())",
      "-lvgpu", "-o", program,
    ])
    try #require(compiled.code == 0, "\(compiled.text)")
    return program
  }

  private func run(_ words: [String]) throws -> (code: Int32, text: String) {
    try Program.run(words, environment: ["LD_LIBRARY_PATH": try CLibraries.folder()])
  }

  @Test(.needs("qemu-system-x86_64")) func managerInC() throws {
    let program = try compile("manager")
    let machine = try TestMachine()
    let answer = try run([program, machine.path, "qemu-system-x86_64", folder])
    #expect(answer.code == 0 && answer.text == "done\n", "\(answer.text)")
  }

  /// With the suppressions that are installed, there is no error and no leak.
  @Test(.needs("qemu-system-x86_64", "valgrind")) func valgrindFindsNothing() throws {
    let program = try compile("manager")
    // valgrind 3.19 does not read the compiler's debugging information, and an installed library has none.
    let linked = try Program.run([
      CLibraries.package.appendingPathComponent("Scripts/link-c-libraries").path, "--strip",
      CLibraries.products.path, folder, "libvgpu",
    ])
    try #require(linked.code == 0, "\(linked.text)")
    let machine = try TestMachine()
    let answer = try Program.run(
      [
        "valgrind", "--quiet", "--leak-check=full", "--error-exitcode=9",
        "--suppressions=\(CLibraries.package.appendingPathComponent("System/valgrind.supp").path)",
        program, machine.path,
      ], environment: ["LD_LIBRARY_PATH": folder])
    #expect(answer.code == 0 && answer.text == "done\n", "\(answer.text)")
  }

  /// Nothing grows with each source: descriptors, memory.
  @Test func opensAreFlat() throws {
    let soak = ProcessInfo.processInfo.environment["VGPU_SOAK_SECONDS"] != nil
    let answer = try run([try compile("opens"), soak ? "3000" : "500"])
    let numbers = answer.text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    try #require(answer.code == 0 && numbers.count == 4, "\(answer.text)")
    #expect(numbers[0] == numbers[2] && numbers[3] - numbers[1] < 256, "\(answer.text)")
  }

  /// The library's threads leave the program's signals to the program.
  @Test(.needs("qemu-system-x86_64")) func threadsTakeNoSignals() throws {
    let machine = try TestMachine()
    let ran = try run([try compile("threads"), machine.path])
    #expect(ran.code == 0, "\(ran.text)")
    #expect(!ran.text.contains("takes"), "\(ran.text)")
  }
}
