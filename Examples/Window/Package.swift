// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A package of somebody else's that shows guests in windows: needs the headers of GTK 3 and EGL.
let package = Package(
  name: "window",
  dependencies: [.package(name: "swift-vgpu", path: "../..", traits: ["GTK"])],
  targets: [
    .executableTarget(
      name: "window",
      dependencies: [
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
        .product(name: "ViewerGTK", package: "swift-vgpu"),
      ])
  ]
)
