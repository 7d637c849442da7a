// SPDX-License-Identifier: Apache-2.0

public import GuestControl
public import HostDevices
import LinuxSystem
import QMP

/// Plugs the host's devices into a running guest, and unplugs them, over QMP.
///
/// The ids of QEMU's devices are the only record of plugged devices, so that a later process can
/// list and unplug them.
public struct GuestHotplug: Sendable {
  private let connection: any QMPConnection
  private let host: HostHardware

  /// The time for QEMU's answer. Opening a drive can wait until its disc turns.
  private static let answerTimeout = Duration.seconds(30)
  /// The most attempts to close a drive, 50 ms apart.
  private static let closingAttempts = 100
  private static let peripherals = "/machine/peripheral"

  /// - Parameters:
  ///   - connection: the connection to the guest's QEMU.
  ///   - host: the hardware to take devices from.
  public init(_ connection: any QMPConnection, host: HostHardware = HostHardware()) {
    self.connection = connection
    self.host = host
  }

  /// The devices that were plugged in and are still there.
  ///
  /// - Throws: `HotplugError.qmp` when QEMU does not answer or refuses.
  public func plugged() async throws(HotplugError) -> [PluggableDevice] {
    try await ids().compactMap { PluggableDevice(id: $0) }
  }

  /// Plugs a device into the guest.
  ///
  /// - Throws: `HotplugError`; the guest then has the same devices as before.
  public func plug(_ device: PluggableDevice) async throws(HotplugError) {
    if try await ids().contains(device.id) { throw .isPlugged(device) }
    switch device {
    case .scsi(let node): try await plugSCSI(device, node)
    case .usb(let selector): try await plugUSB(device, selector)
    }
  }

  /// Unplugs a device, and waits until the guest has released it.
  ///
  /// - Parameters:
  ///   - device: a device that `plug` plugged in.
  ///   - patience: the time that the guest has to release the device.
  /// - Throws: `HotplugError`.
  public func unplug(
    _ device: PluggableDevice, patience: Duration = .seconds(30)
  ) async throws(HotplugError) {
    let ids = try await ids()
    guard ids.contains(device.id) else {
      throw .isNotPlugged(device, existing: ids.compactMap { PluggableDevice(id: $0) })
    }
    try await remove(device.id, of: device, patience: patience)
    guard case .scsi = device else { return }
    if ids.contains(device.carrier) {
      try await remove(device.carrier, of: device, patience: patience)
    }
    try await close(device)
  }

  /// Closes the drive. It tries several times, because QEMU still uses the drive for a moment after
  /// the device is gone.
  private func close(_ device: PluggableDevice) async throws(HotplugError) {
    // Counts attempts and not time, because on a busy machine time can pass without an attempt.
    var attempts = 1
    while true {
      do {
        try await send(BlockdevDel(nodeName: device.id))
        return
      } catch .qmp(.refused(_, _, _, let reason))
        where reason.contains("in use") && attempts < Self.closingAttempts
      {
        attempts += 1
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  // MARK: SCSI

  private func plugSCSI(_ device: PluggableDevice, _ node: String) async throws(HotplugError) {
    let drive: SCSIDevice
    do {
      drive = try host.scsiDevice(node)
    } catch {
      throw .scsi(error)
    }
    // An interrupted `plug` may have left the drive open.
    _ = try? await send(BlockdevDel(nodeName: device.id))
    do {
      try await send(
        BlockdevAdd(
          nodeName: device.id, hostDevice: drive.genericNode, isReadOnly: drive.isOptical))
    } catch .qmp(.refused(_, _, _, let reason)) where reason.contains("Permission denied") {
      throw .noRights(device, node: drive.genericNode)
    }
    do {
      try await connectSCSI(device)
    } catch {
      _ = try? await send(BlockdevDel(nodeName: device.id))
      throw error
    }
  }

  /// Connects the drive to a SCSI controller that has room; without one, to a new USB storage
  /// controller, because every system has a driver for that.
  private func connectSCSI(_ device: PluggableDevice) async throws(HotplugError) {
    let drive: [String: JSONValue] = ["drive": .string(device.id)]
    do {
      try await send(DeviceAdd("scsi-generic", id: device.id, drive))
      return
    } catch {
      guard error.saysNoBus else { throw error }
    }
    do {
      try await send(DeviceAdd("usb-bot", id: device.carrier))
    } catch {
      throw error.saysNoBus ? .noController(device) : error
    }
    do {
      try await send(
        DeviceAdd(
          "scsi-generic", id: device.id,
          drive.merging(["bus": .string("\(device.carrier).0"), "lun": 0]) { $1 }))
      // Attach the controller last, so that the guest sees it only with the drive in it.
      try await send(
        QOMSet(path: "\(Self.peripherals)/\(device.carrier)", property: "attached", value: true))
    } catch {
      _ = try? await send(DeviceDel(id: device.id))
      _ = try? await send(DeviceDel(id: device.carrier))
      throw error
    }
  }

  // MARK: USB

  private func plugUSB(
    _ device: PluggableDevice, _ selector: USBSelector
  ) async throws(HotplugError) {
    let existing = host.usbDevices()
    guard let found = existing.first(where: { $0.matches(selector) }) else {
      throw .noSuchUSBDevice(
        device,
        existing: existing.filter { !$0.isRootHub }
          .map { .usb(.id(vendor: $0.vendor, product: $0.product)) })
    }
    let properties: [String: JSONValue] =
      switch selector {
      case .id(let vendor, let product):
        ["vendorid": .integer(Int64(vendor)), "productid": .integer(Int64(product))]
      case .address(let bus, let address):
        ["hostbus": .integer(Int64(bus)), "hostaddr": .integer(Int64(address))]
      }
    do {
      try await send(DeviceAdd("usb-host", id: device.id, properties))
    } catch .qmp(.refused(_, _, _, let reason)) where reason.contains("LIBUSB_ERROR_ACCESS") {
      throw .noRights(device, node: found.node)
    } catch {
      throw error.saysNoBus ? .noController(device) : error
    }
  }

  // MARK: QMP

  private func ids() async throws(HotplugError) -> [String] {
    try await send(QOMList(path: Self.peripherals)).map(\.name)
  }

  private func remove(
    _ id: String, of device: PluggableDevice, patience: Duration
  ) async throws(HotplugError) {
    do {
      try await send(DeviceDel(id: id))
    } catch .qmp(.refused(_, _, "DeviceNotFound", _)) {
      return
    }
    // Ask again and again, because a connection through libvirt does not pass on the event.
    let start = MonotonicInstant.now
    while try await ids().contains(id) {
      if .nanoseconds(MonotonicInstant.now.nanoseconds(since: start)) > patience {
        throw .guestKeeps(device, after: patience)
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  @discardableResult
  private func send<Command: QMPCommand>(
    _ command: Command
  ) async throws(HotplugError) -> Command.Response {
    do {
      return try await connection.execute(command, timeout: Self.answerTimeout)
    } catch {
      throw .qmp(error)
    }
  }
}

extension PluggableDevice {
  /// The id of the controller that `plug` added for a drive, because the machine had no free place.
  fileprivate var carrier: String { "vgpu-carrier-\(id.dropFirst(Self.idPrefix.count))" }
}

extension HotplugError {
  /// Whether QEMU found no free bus. QEMU has one class for all these errors, so the message
  /// decides: `No 'SCSI' bus found for device …`, or `Bus '…' is full`.
  fileprivate var saysNoBus: Bool {
    guard case .qmp(.refused(_, _, _, let reason)) = self else { return false }
    return reason.contains("bus found for device") || reason.contains("is full")
  }
}
