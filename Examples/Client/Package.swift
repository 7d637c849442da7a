// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A package of somebody else's that wants no window: without traits, no header of GTK's, EGL's, libpng's or
// zlib's is needed or looked for.
let package = Package(
  name: "client",
  dependencies: [.package(name: "swift-vgpu", path: "../..", traits: [])],
  targets: [
    .executableTarget(
      name: "watch",
      dependencies: [
        .product(name: "Attachment", package: "swift-vgpu"),
        .product(name: "HostDevices", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "own-source",
      dependencies: [
        .product(name: "DMABuf", package: "swift-vgpu"),
        .product(name: "LinuxSystem", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ]),
    .target(
      name: "Listings",
      dependencies: [
        .product(name: "GuestAgent", package: "swift-vgpu"),
        .product(name: "GuestSession", package: "swift-vgpu"),
        .product(name: "GuestSound", package: "swift-vgpu"),
        .product(name: "HostChanges", package: "swift-vgpu"),
        .product(name: "LinuxSystem", package: "swift-vgpu"),
        .product(name: "PersistentDevices", package: "swift-vgpu"),
        .product(name: "QEMU", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
      ]),
  ]
)
