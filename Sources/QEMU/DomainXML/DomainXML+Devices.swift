// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem
import SafeText

extension GuestConfiguration {
  func devicesElement(emulator: String) -> XMLElement {
    var devices = XMLElement("devices", [:], [XMLElement("emulator", text: emulator)])
    devices.children += diskElements + controllerElements + networkElements
    devices.children += channelElements + inputElements
    devices.children +=
      soundElements + graphicsElements + [XMLElement("video", [:], [videoElement])]
    devices.children += vGPUElements + slotElements + usbElements + scsiElements
    devices.children += shareElements + tpmElements
    devices.children.append(XMLElement("memballoon", ["model": "none"]))
    return devices
  }

  // MARK: - Storage

  private var diskElements: [XMLElement] {
    var letter = 0
    func sataTarget() -> XMLElement {
      defer { letter += 1 }
      return XMLElement("target", ["dev": "sd\(Self.letters(letter))", "bus": "sata"])
    }
    var elements = disks.enumerated().map { index, disk in
      let target =
        hasVirtio
        ? XMLElement("target", ["dev": "vd\(Self.letters(index))", "bus": "virtio"]) : sataTarget()
      return Self.diskElement("disk", disk, target)
    }
    for cdrom in cdroms {
      var element = Self.diskElement("cdrom", cdrom, sataTarget())
      element.children.append(XMLElement("readonly"))
      elements.append(element)
    }
    for index in elements.indices { elements[index].children += bootElements(index) }
    return elements
  }

  /// The place in the boot order. Without one libvirt's guest starts from its first disk only.
  private func bootElements(_ number: Int) -> [XMLElement] {
    bootIndex(number).map { [XMLElement("boot", ["order": "\($0)"])] } ?? []
  }

  private static func diskElement(
    _ device: String, _ image: DiskImage, _ target: XMLElement
  ) -> XMLElement {
    XMLElement(
      "disk", ["type": sourceType(image), "device": device],
      [
        XMLElement("driver", ["name": "qemu", "type": image.format.rawValue]),
        sourceElement(image), backingElement(image.backing[...]), target,
      ])
  }

  /// The chain of backing images. An empty element ends it, because without one libvirt looks into
  /// the image for the next file.
  private static func backingElement(_ layers: ArraySlice<DiskImage>) -> XMLElement {
    guard let image = layers.first else { return XMLElement("backingStore") }
    return XMLElement(
      "backingStore", ["type": sourceType(image)],
      [
        XMLElement("format", ["type": image.format.rawValue]), sourceElement(image),
        backingElement(layers.dropFirst()),
      ])
  }

  private static func sourceType(_ image: DiskImage) -> String {
    ImageFile.isBlockDevice(image.path) ? "block" : "file"
  }

  private static func sourceElement(_ image: DiskImage) -> XMLElement {
    // An absolute path, because libvirt's daemon runs in another folder.
    let absolute = FileTree.realPath(of: image.path) ?? image.path
    return XMLElement("source", [sourceType(image) == "block" ? "dev" : "file": absolute])
  }

  /// The letters in Linux's disk names: a to z, then aa to zz.
  static func letters(_ index: Int) -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz")
    let last = String(alphabet[index % 26])
    return index < 26 ? last : letters(index / 26 - 1) + last
  }

  private var controllerElements: [XMLElement] {
    var elements = [XMLElement("controller", ["type": "usb", "model": "qemu-xhci"])]
    let ports = placedSlots.compactMap { placed in
      if case .port(let number) = placed.place { number } else { nil }
    }
    if !ports.isEmpty {
      elements.append(
        XMLElement("controller", ["type": "pci", "index": "0", "model": "pcie-root"]))
    }
    elements += ports.map {
      XMLElement("controller", ["type": "pci", "index": "\($0)", "model": "pcie-root-port"])
    }
    if !scsiDevices.isEmpty {
      elements.append(
        XMLElement(
          "controller",
          ["type": "scsi", "index": "0", "model": hasVirtio ? "virtio-scsi" : "lsisas1068"]))
    }
    return elements
  }

  // MARK: - Screens that QEMU draws

  /// QEMU's display (`type='dbus'`: libvirt 8.4). virDomainOpenGraphicsFD attaches to it.
  private var graphicsElements: [XMLElement] {
    switch display {
    case .none: []
    case .dbus(let hasGL):
      [
        XMLElement(
          "graphics", ["type": "dbus", "p2p": "yes"],
          (hasGL ? [XMLElement("gl", ["enable": "yes", "rendernode": renderNode])] : [])
            + (hasSound ? [XMLElement("audio", ["id": "1"])] : []))
      ]
    }
  }

  /// An HD Audio device, whose sound the display hands out (`type='dbus'`: libvirt 8.4).
  private var soundElements: [XMLElement] {
    guard hasSound else { return [] }
    return [
      XMLElement("sound", ["model": "ich9"], [XMLElement("audio", ["id": "1"])]),
      XMLElement(
        "audio", ["id": "1", "type": "dbus", "timerPeriod": "\(GuestConfiguration.soundPeriod)"]),
    ]
  }

  private var videoElement: XMLElement {
    guard hasVirtioGPU else {
      return XMLElement("model", ["type": hasBootScreen ? "ramfb" : "none"])
    }
    return XMLElement(
      "model", ["type": "virtio", "primary": "yes"],
      virtioGPU == .gl ? [XMLElement("acceleration", ["accel3d": "yes"])] : [])
  }

  // MARK: - The guest's system

  /// The host's folders. libvirt starts virtiofsd.
  private var shareElements: [XMLElement] {
    shares.map { share in
      var isVirtiofs = false
      if case .virtiofs = share.way { isVirtiofs = true }
      var element = XMLElement(
        "filesystem",
        [
          "type": "mount", "accessmode": isVirtiofs ? "passthrough" : "mapped",
          "multidevs": isVirtiofs ? nil : "remap",
        ],
        isVirtiofs ? [XMLElement("driver", ["type": "virtiofs"])] : [])
      element.children += [
        XMLElement("source", ["dir": share.path]), XMLElement("target", ["dir": share.tag]),
      ]
      if share.isReadOnly { element.children.append(XMLElement("readonly")) }
      return element
    }
  }

  /// The TPM. libvirt starts swtpm, and keeps the TPM's state.
  private var tpmElements: [XMLElement] {
    guard let tpm else { return [] }
    return [
      XMLElement(
        "tpm", ["model": tpm.model.rawValue],
        [XMLElement("backend", ["type": "emulator", "version": "2.0"])])
    ]
  }

  /// The ports of the agents in the guest. libvirt makes their controller and chooses their sockets.
  private var channelElements: [XMLElement] {
    let names =
      (hasAgentPort ? [Self.agentPortName] : []) + (hasGuestAgent ? [Self.guestAgentPort] : [])
    return names.map {
      XMLElement(
        "channel", ["type": "unix"], [XMLElement("target", ["type": "virtio", "name": $0])])
    }
  }

  // MARK: - Input and network

  private var inputElements: [XMLElement] {
    let kinds = hasVirtioInput ? ["tablet", "keyboard"] : ["tablet"]
    return kinds.map {
      XMLElement("input", ["type": $0, "bus": hasVirtioInput ? "virtio" : "usb"])
    }
  }

  private var networkElements: [XMLElement] {
    let card = [
      XMLElement("model", ["type": hasVirtio ? "virtio" : "e1000e"]),
      XMLElement("rom", ["enabled": "no"]),
    ]
    let address = XMLElement("mac", ["address": networkAddress])
    return switch network {
    case .none: []
    case .user: [XMLElement("interface", ["type": "user"], card)]
    case .tap(nil):
      [
        XMLElement(
          "interface", ["type": "ethernet"],
          [address, XMLElement("script", ["path": "/etc/qemu-ifup"])] + card)
      ]
    case .tap(let name?):
      [
        XMLElement(
          "interface", ["type": "ethernet"],
          [address, XMLElement("target", ["dev": name, "managed": "no"])] + card)
      ]
    }
  }

  // MARK: - The host's devices

  private var vGPUElements: [XMLElement] {
    guard let vGPU else { return [] }
    return [
      XMLElement(
        "hostdev",
        [
          "mode": "subsystem", "type": "mdev", "managed": "no", "model": "vfio-pci",
          "display": "off",
        ],
        [
          XMLElement(
            "source", [:], [XMLElement("address", ["uuid": "\(vGPU.uuid)"])]),
          XMLElement("alias", ["name": Self.vGPUAlias]),
        ])
    ]
  }

  private var slotElements: [XMLElement] {
    placedSlots.enumerated().flatMap { index, placed in
      let (bus, device) =
        switch placed.place {
        case .firstBus(let device): (0, device)
        case .port(let number): (number, 0)
        }
      // Managed devices are bound to vfio-pci by libvirt, but a virtual GPU must keep its own
      // driver.
      let managed = placed.slot.mustKeepDriver ? "no" : "yes"
      return placed.slot.guestFunctions.map { number, address in
        let isFirst = number == 0
        var element = XMLElement(
          "hostdev", ["mode": "subsystem", "type": "pci", "managed": managed],
          [
            XMLElement("source", [:], [Self.addressElement(address)]),
            XMLElement("alias", ["name": Self.alias(slot: index, function: number)]),
          ])
        if isFirst, let rom = placed.slot.rom {
          element.children.append(
            XMLElement("rom", ["file": FileTree.realPath(of: rom) ?? rom]))
        }
        element.children.append(
          XMLElement(
            "address",
            [
              "type": "pci", "domain": "0x0000", "bus": "0x\(hexadecimal(UInt8(bus), digits: 2))",
              "slot": "0x\(hexadecimal(UInt8(device), digits: 2))", "function": "0x\(number)",
              "multifunction": isFirst && placed.slot.functions.count > 1 ? "on" : nil,
            ]))
        return element
      }
    }
  }

  private static func addressElement(_ address: PCIAddress) -> XMLElement {
    XMLElement(
      "address",
      [
        "domain": "0x\(hexadecimal(address.domain, digits: 4))",
        "bus": "0x\(hexadecimal(address.bus, digits: 2))",
        "slot": "0x\(hexadecimal(address.device, digits: 2))", "function": "0x\(address.function)",
      ])
  }

  private var usbElements: [XMLElement] {
    usbDevices.map { device in
      let source =
        switch device {
        case .id(let vendor, let product):
          // The guest also starts when the device is missing, as with QEMU's own option.
          XMLElement(
            "source", ["startupPolicy": "optional"],
            [
              XMLElement("vendor", ["id": "0x\(hexadecimal(vendor, digits: 4))"]),
              XMLElement("product", ["id": "0x\(hexadecimal(product, digits: 4))"]),
            ])
        case .address(let bus, let number):
          XMLElement(
            "source", [:],
            [XMLElement("address", ["bus": "\(bus)", "device": "\(number)"])])
        }
      return XMLElement(
        "hostdev", ["mode": "subsystem", "type": "usb", "managed": "yes"], [source])
    }
  }

  private var scsiElements: [XMLElement] {
    scsiDevices.enumerated().map { index, device in
      XMLElement(
        "hostdev", ["mode": "subsystem", "type": "scsi"],
        [
          XMLElement(
            "source", [:],
            [
              XMLElement("adapter", ["name": "scsi_host\(device.host)"]),
              XMLElement(
                "address",
                [
                  "bus": "\(device.channel)", "target": "\(device.target)",
                  "unit": "\(device.unit)",
                ]),
            ]),
          XMLElement(
            "address",
            [
              "type": "drive", "controller": "0", "bus": "0",
              "target": "\(index)", "unit": "0",
            ]),
        ] + bootElements(disks.count + cdroms.count + index))
    }
  }
}
