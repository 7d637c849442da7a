// SPDX-License-Identifier: Apache-2.0

import HostDevices

extension GuestConfiguration {
  /// The same guest as a libvirt domain (https://libvirt.org/formatdomain.html), for libvirt 8.2 or
  /// newer, and 8.4 with a display. It has no QMP socket, because libvirt has its own. libvirt makes the store of UEFI
  /// variables from the firmware's empty store.
  ///
  /// - Parameter emulator: the path of QEMU's program.
  /// - Throws: `QEMUError.host` when a name has characters that XML cannot hold; `QEMUError.file` for
  ///   an image with a data file.
  public func domainXML(emulator: String) throws(QEMUError) -> String {
    let images = (disks + cdroms).flatMap { [$0] + $0.backing }
    // libvirt's XML can name a data file since 10.10. An older libvirt would let the image's header
    // choose the file.
    for image in images where image.dataFile != nil {
      throw .file(
        image.path,
        reason: """
          it keeps its data in another file, and libvirt before 10.10 cannot name that file; \
          combine both into a single image with qemu-img convert
          """)
    }
    let names =
      images.map(\.path) + [emulator, name] + extra + passedSlots.compactMap(\.rom)
      + shares.map(\.path)
    for name in names where !XMLElement.canHold(name) {
      throw .host(name.debugDescription, reason: "has control characters; rename it")
    }
    var domain = XMLElement(
      "domain",
      ["type": hasKVM ? "kvm" : "qemu", "xmlns:qemu": "http://libvirt.org/schemas/domain/qemu/1.0"])
    domain.children = [XMLElement("name", text: name), memoryElement]
    domain.children += memoryBackingElements + processorElements
    domain.children += [firmwareElement, featuresElement, modelElement, clockElement]
    // Neither a vGPU nor a virtio GPU comes back from suspend to RAM.
    domain.children.append(
      XMLElement("pm", [:], [XMLElement("suspend-to-mem", ["enabled": "no"])]))
    domain.children.append(devicesElement(emulator: emulator))
    domain.children += argumentElements + overrideElements
    return domain.written()
  }

  private var memoryElement: XMLElement {
    XMLElement("memory", ["unit": "MiB"], text: "\(memory)")
  }

  private var memoryBackingElements: [XMLElement] {
    var backing = XMLElement("memoryBacking")
    if let hugePages {
      let page = XMLElement("page", ["size": "\(hugePages.size.mebibytes)", "unit": "MiB"])
      backing.children.append(XMLElement("hugepages", [:], [page]))
    }
    // virtiofsd reads and writes the guest's memory.
    if sharesMemory {
      backing.children += [
        XMLElement("source", ["type": "memfd"]), XMLElement("access", ["mode": "shared"]),
      ]
    }
    return backing.children.isEmpty ? [] : [backing]
  }

  private var processorElements: [XMLElement] {
    let count = XMLElement("vcpu", ["placement": "static"], text: "\(cpus)")
    guard let pinning else { return [count] }
    let pins = pinning.processors.enumerated().map {
      XMLElement("vcpupin", ["vcpu": "\($0)", "cpuset": "\($1)"])
    }
    return [count, XMLElement("cputune", [:], pins)]
  }

  private var firmwareElement: XMLElement {
    var os = XMLElement("os")
    os.children.append(
      XMLElement("type", ["arch": "x86_64", "machine": machine.rawValue], text: "hvm"))
    if case .uefi(let code, let variables) = firmware {
      os.children += [
        XMLElement(
          "loader",
          [
            "readonly": "yes", "secure": hasSecureBoot ? "yes" : nil, "type": "pflash",
            "format": Self.flashFormat(code),
          ], text: code.path),
        XMLElement(
          "nvram", ["template": variables.path, "format": Self.flashFormat(variables)]),
      ]
    }
    return os
  }

  /// The `format` attribute of flash memory; `nil` for raw, because raw is libvirt's default and
  /// its only format before 9.2.
  private static func flashFormat(_ image: DiskImage) -> String? {
    image.format == .raw ? nil : image.format.rawValue
  }

  private var featuresElement: XMLElement {
    var features = XMLElement("features", [:], [XMLElement("acpi"), XMLElement("apic")])
    // System management mode, in which the firmware guards its variables.
    if hasSecureBoot { features.children.append(XMLElement("smm", ["state": "on"])) }
    // Both features below need KVM, as in QEMU's own options.
    guard hasKVM else { return features }
    if isWindows { features.children.append(hyperVElement) }
    if hidesHypervisor {
      features.children.append(XMLElement("kvm", [:], [XMLElement("hidden", ["state": "on"])]))
    }
    return features
  }

  /// The same interfaces as in QEMU's command. Hyper-V's clock is one of the timers of
  /// `clockElement`.
  private var hyperVElement: XMLElement {
    func on(_ name: String) -> XMLElement { XMLElement(name, ["state": "on"]) }
    var interfaces = [on("relaxed"), on("vapic")]
    interfaces.append(XMLElement("spinlocks", ["state": "on", "retries": "8191"]))
    interfaces += ["vpindex", "runtime", "synic"].map(on)
    interfaces.append(XMLElement("stimer", ["state": "on"], [on("direct")]))
    interfaces.append(on("reset"))
    if hidesHypervisor {
      interfaces.append(XMLElement("vendor_id", ["state": "on", "value": Self.hyperVVendor]))
    }
    interfaces += ["frequencies", "reenlightenment", "tlbflush", "ipi"].map(on)
    return XMLElement("hyperv", ["mode": "custom"], interfaces)
  }

  private var modelElement: XMLElement {
    let topology = XMLElement(
      "topology",
      ["sockets": "1", "dies": "1", "cores": "\(cpus / threads)", "threads": "\(threads)"])
    guard hasKVM else {
      return XMLElement("cpu", ["mode": "maximum", "check": "none"], [topology])
    }
    var model = XMLElement("cpu", ["mode": "host-passthrough", "check": "none"], [topology])
    if threads > 1, pinning?.isAMD == true {
      model.children.append(XMLElement("feature", ["policy": "require", "name": "topoext"]))
    }
    return model
  }

  private var clockElement: XMLElement {
    guard isWindows else { return XMLElement("clock", ["offset": "utc"]) }
    var clock = XMLElement(
      "clock", ["offset": "localtime"],
      [
        XMLElement("timer", ["name": "rtc", "tickpolicy": "catchup"]),
        XMLElement("timer", ["name": "hpet", "present": "no"]),
      ])
    if hasKVM {
      clock.children.append(XMLElement("timer", ["name": "hypervclock", "present": "yes"]))
    }
    return clock
  }

  /// The extra arguments, which libvirt passes to QEMU.
  private var argumentElements: [XMLElement] {
    extra.isEmpty
      ? []
      : [XMLElement("qemu:commandline", [:], extra.map { XMLElement("qemu:arg", ["value": $0]) })]
  }

  /// Properties of devices that libvirt has no element for.
  private var overrideElements: [XMLElement] {
    var overrides: [XMLElement] = []
    func set(_ property: String, ofDevice alias: String) {
      overrides.append(
        XMLElement(
          "qemu:device", ["alias": alias],
          [
            XMLElement(
              "qemu:frontend", [:],
              [XMLElement("qemu:property", ["name": property, "type": "bool", "value": "true"])])
          ]))
    }
    if vGPU?.isGVTg == true { set("x-igd-opregion", ofDevice: Self.vGPUAlias) }
    for (index, slot) in passedSlots.enumerated() {
      let alias = Self.alias(slot: index, function: 0)
      switch slot.role {
      case .integratedGraphics: set("x-igd-opregion", ofDevice: alias)
      case .graphicsCard(hasVGA: true): set("x-vga", ofDevice: alias)
      case .graphicsCard(hasVGA: false), .device: break
      }
    }
    return overrides.isEmpty ? [] : [XMLElement("qemu:override", [:], overrides)]
  }

  /// The alias begins with `ua-`, because libvirt requires this of names that users choose.
  static let vGPUAlias = "ua-vgpu0"

  static func alias(slot: Int, function: Int) -> String { "ua-pci\(slot).\(function)" }
}
