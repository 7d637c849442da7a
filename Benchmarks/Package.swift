// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [
    .package(name: "swift-vgpu", path: ".."),
    // Without its traits it needs no jemalloc.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .target(name: "CRawQuery"),
    .executableTarget(
      name: "QueryCost",
      dependencies: [
        "CRawQuery",
        .product(name: "HostDevices", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "BridgeCost",
      dependencies: [
        .product(name: "BridgeClient", package: "swift-vgpu"),
        .product(name: "HostDevices", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "BridgeHostile",
      dependencies: [
        .product(name: "BridgeClient", package: "swift-vgpu"),
        .product(name: "BridgeProtocol", package: "swift-vgpu"),
        .product(name: "BridgeServer", package: "swift-vgpu"),
        .product(name: "HostDevices", package: "swift-vgpu"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "ManyGuests",
      dependencies: [
        .product(name: "EGLPresenter", package: "swift-vgpu"),
        .product(name: "HostDevices", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "AtRest",
      dependencies: [
        .product(name: "DMABuf", package: "swift-vgpu"),
        .product(name: "LinuxSystem", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
        .product(name: "ViewerGTK", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "DamageCost",
      dependencies: [
        .product(name: "TestPatterns", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
        .product(name: "ViewerGTK", package: "swift-vgpu"),
      ]),
    .executableTarget(
      name: "Frames",
      dependencies: [
        .product(name: "Benchmark", package: "benchmark"),
        .product(name: "EGLPresenter", package: "swift-vgpu"),
        .product(name: "VFIO", package: "swift-vgpu"),
        .product(name: "VGPUDisplay", package: "swift-vgpu"),
      ],
      path: "Benchmarks/Frames",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ]
)
