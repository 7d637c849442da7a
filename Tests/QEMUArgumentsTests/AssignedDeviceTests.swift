// SPDX-License-Identifier: Apache-2.0

import HostDevices
import QEMUArguments
import Testing

/// Which of the host's devices a QEMU's arguments name.
@Suite struct AssignedDeviceTests {
  private static let uuid = "a297db4a-f4c2-11e6-90f6-d3b88d6c9525"

  private func named(_ values: String...) -> [String] {
    AssignedDevice.named(inQEMUArguments: values.flatMap { ["-device", $0] }).map {
      switch $0 {
      case .mdev(let uuid): "mdev \(uuid)"
      case .pci(let address): "pci \(address)"
      }
    }
  }

  /// As people write it: intel/gvt-linux #20, #71, #78 and #101, jscinoz/optimus-vfio-docs #2, libvirt.
  @Test(arguments: [
    "vfio-pci,sysfsdev=/sys/bus/mdev/devices/UUID,display=on,x-igd-opregion=on",
    "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:00:02.0/UUID,display=on",
    "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:00:02.0/UUID/",
    "vfio-pci,sysfsdev=/sys/devices/pci0000:00/0000:00:02.0/UUID//",
    "vfio-pci,sysfsdev=/sys/class/mdev_bus/0000:00:02.0/UUID",
    "vfio-pci-nohotplug,id=hostdev0,ramfb=on,sysfsdev=/sys/bus/mdev/devices/UUID",
    "driver=vfio-pci,host=0000:41:00.4,sysfsdev=/sys/bus/mdev/devices/UUID",
    #"{"driver":"vfio-pci","id":"hostdev0","sysfsdev":"/sys/bus/mdev/devices/UUID","bus":"pci.0"}"#,
    #" {"driver":"x"}"#,
    #"{ "a": [1, {"b": "]"}], "sysfsdev" : "\/sys\/UUID\u002f", "driver":"vfio-pci" }"#,
  ])
  func everySpellingOfAMediatedDevice(value: String) {
    let expected = value.hasPrefix(" ") ? [] : ["mdev \(Self.uuid)"]
    #expect(named(value.replacing("UUID", with: Self.uuid)) == expected)
    #expect(named(value.replacing("UUID", with: Self.uuid.uppercased())) == expected)
  }

  @Test(arguments: [
    "vfio-pci,host=0000:41:00.4", "vfio-pci,host=41:00.4,multifunction=on", "vfio-pci,host=41:0.4",
    "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:41:00.4",
    #"{"host":"0:41:00.4","driver":"vfio-pci"}"#,
  ])
  func everySpellingOfAFunction(value: String) {
    #expect(named(value) == ["pci 0000:41:00.4"])
  }

  @Test(arguments: [
    "", "vfio-pci", "vfio-pci,sysfsdev=", "vfio-pci,sysfsdev=/", "vfio-pci,sysfsdev=/dev/vgpu",
    "vfio-pci,host=41:00", "vfio-pci,host=41:20.0", "vfio-pci,host=4100:00:00.0.0",
    "virtio-gpu,sysfsdev=/sys/bus/mdev/devices/\(uuid)", "help", "{",
    #"{"driver":"vfio-pci","sysfsdev":"/\#(uuid)"#,
    #"{"driver":"vfio-pci","sysfsdev":"\ud800/\#(uuid)"}"#,
    #"{"driver":"vfio-pci","sysfsdev":["/\#(uuid)"]}"#,
    #"{driver:"vfio-pci",sysfsdev:"/\#(uuid)"}"#,
  ])
  func othersAreNone(value: String) {
    #expect(named(value) == [])
  }

  @Test func argumentsAreInPairs() {
    let argument = "vfio-pci,host=00:02.0"
    #expect(AssignedDevice.named(inQEMUArguments: ["-device"]) == [])
    #expect(AssignedDevice.named(inQEMUArguments: [argument, "-device"]) == [])
    #expect(AssignedDevice.named(inQEMUArguments: ["--device", argument]).count == 1)
    #expect(
      named(argument, "e1000", "vfio-pci,host=00:02.1") == ["pci 0000:00:02.0", "pci 0000:00:02.1"])
  }
}
