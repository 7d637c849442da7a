// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
  name: "Fuzz",
  dependencies: [.package(name: "swift-vgpu", path: "..")],
  targets: [
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        .product(name: "BootScreen", package: "swift-vgpu"),
        .product(name: "BridgeProtocol", package: "swift-vgpu"),
        .product(name: "MonitorEDID", package: "swift-vgpu"),
        .product(name: "GuestAgent", package: "swift-vgpu"),
        .product(name: "GuestControl", package: "swift-vgpu"),
        .product(name: "GuestSession", package: "swift-vgpu"),
        .product(name: "GuestSound", package: "swift-vgpu"),
        .product(name: "HostChanges", package: "swift-vgpu"),
        .product(name: "HostCheck", package: "swift-vgpu"),
        .product(name: "HostDevices", package: "swift-vgpu"),
        .product(name: "Libvirt", package: "swift-vgpu"),
        .product(name: "LinuxSystem", package: "swift-vgpu"),
        .product(name: "QEMUDisplay", package: "swift-vgpu"),
        .product(name: "QEMU", package: "swift-vgpu"),
        .product(name: "QMP", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ])
  ]
)
