// SPDX-License-Identifier: Apache-2.0

import HostDevices

extension GuestConfiguration {
  /// The same guest as a domain of libvirt's (https://libvirt.org/formatdomain.html), for version 8.2
  /// or newer: without its QMP socket, because libvirt has its own, and with a store of UEFI variables
  /// that libvirt makes of the firmware's empty one.
  ///
  /// - Parameter emulator: QEMU's path.
  /// - Throws: `QEMUError.host` when a name has characters that XML cannot hold; `QEMUError.file` for
  ///   an image with a data file.
  public func domainXML(emulator: String) throws(QEMUError) -> String {
    let images = (disks + [cdrom].compactMap { $0 }).flatMap { [$0] + $0.backing }
    // libvirt can be told of one since 10.10; an older one would leave the choice to the header.
    for image in images where image.dataFile != nil {
      throw .file(
        image.path,
        reason: """
          keeps its data in another file, which not every libvirt can be told; make a single image \
          of both with qemu-img convert
          """)
    }
    let names =
      images.map(\.path) + [emulator, name] + extra + passedSlots.compactMap(\.rom)
    for name in names where !XMLElement.canHold(name) {
      throw .host(name.debugDescription, reason: "has control characters; rename it")
    }
    var domain = XMLElement(
      "domain",
      ["type": hasKVM ? "kvm" : "qemu", "xmlns:qemu": "http://libvirt.org/schemas/domain/qemu/1.0"])
    domain.children = [XMLElement("name", text: name), memoryElement]
    domain.children += hugePagesElements + processorElements
    domain.children += [firmwareElement, featuresElement, modelElement, clockElement]
    // A vGPU does not come back from suspend to RAM.
    domain.children.append(
      XMLElement("pm", [:], [XMLElement("suspend-to-mem", ["enabled": "no"])]))
    domain.children.append(devicesElement(emulator: emulator))
    domain.children += argumentElements + overrideElements
    return domain.written()
  }

  private var memoryElement: XMLElement {
    XMLElement("memory", ["unit": "MiB"], text: "\(memory)")
  }

  private var hugePagesElements: [XMLElement] {
    guard let hugePages else { return [] }
    let page = XMLElement("page", ["size": "\(hugePages.size.mebibytes)", "unit": "MiB"])
    return [XMLElement("memoryBacking", [:], [XMLElement("hugepages", [:], [page])])]
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
          ["readonly": "yes", "type": "pflash", "format": Self.flashFormat(code)], text: code.path),
        XMLElement(
          "nvram", ["template": variables.path, "format": Self.flashFormat(variables)]),
      ]
    }
    return os
  }

  /// libvirt takes flash memory for raw when nothing is said, which is all that it could be before
  /// 9.2.
  private static func flashFormat(_ image: DiskImage) -> String? {
    image.format == .raw ? nil : image.format.rawValue
  }

  private var featuresElement: XMLElement {
    var features = XMLElement("features", [:], [XMLElement("acpi"), XMLElement("apic")])
    // As QEMU's own options have it, both are KVM's.
    guard hasKVM else { return features }
    if isWindows { features.children.append(hyperVElement) }
    if hidesHypervisor {
      features.children.append(XMLElement("kvm", [:], [XMLElement("hidden", ["state": "on"])]))
    }
    return features
  }

  /// The same set as in QEMU's command; its clock is among the clock's timers.
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

  /// QEMU's own arguments, which libvirt passes on.
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

  /// libvirt wants users' own names to begin so.
  static let vGPUAlias = "ua-vgpu0"

  static func alias(slot: Int, function: Int) -> String { "ua-pci\(slot).\(function)" }
}
