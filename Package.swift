// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Warnings are errors where the project's own scripts build it, and nowhere else: a newer
/// compiler's new warning must not break somebody's build.
let strict: [SwiftSetting] =
  Context.environment["VGPU_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

let swiftSettings: [SwiftSetting] =
  strict + [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "swift-vgpu",
  products: [
    .executable(name: "vgpu", targets: ["vgpu"]),
    // Kernel.
    .library(name: "LinuxSystem", targets: ["LinuxSystem"]),
    .library(name: "VFIO", targets: ["VFIO"]),
    .library(name: "DMABuf", targets: ["DMABuf"]),
    // Host.
    .library(name: "HostDevices", targets: ["HostDevices"]),
    .library(name: "PersistentDevices", targets: ["PersistentDevices"]),
    .library(name: "HostCheck", targets: ["HostCheck"]),
    // Guest.
    .library(name: "MonitorEDID", targets: ["MonitorEDID"]),
    .library(name: "QMP", targets: ["QMP"]),
    .library(name: "GuestInput", targets: ["GuestInput"]),
    .library(name: "GuestControl", targets: ["GuestControl"]),
    .library(name: "Hotplug", targets: ["Hotplug"]),
    .library(name: "Libvirt", targets: ["Libvirt"]),
    .library(name: "QEMU", targets: ["QEMU"]),
    .library(name: "GuestSession", targets: ["GuestSession"]),
    // Frames.
    .library(name: "TestPatterns", targets: ["TestPatterns"]),
    .library(name: "VGPUDisplay", targets: ["VGPUDisplay"]),
    .library(name: "BootScreen", targets: ["BootScreen"]),
    .library(name: "EGLPresenter", targets: ["EGLPresenter"]),
    .library(name: "FramePacing", targets: ["FramePacing"]),
    .library(name: "FrameStatistics", targets: ["FrameStatistics"]),
    .library(name: "PNGFile", targets: ["PNGFile"]),
    // Bridge.
    .library(name: "BridgeProtocol", targets: ["BridgeProtocol"]),
    .library(name: "BridgeClient", targets: ["BridgeClient"]),
    // Target.
    .library(name: "Attachment", targets: ["Attachment"]),
    .library(name: "Guests", targets: ["Guests"]),
    .library(name: "BridgeServer", targets: ["BridgeServer"]),
    // Viewer.
    .library(name: "ViewerGTK", targets: ["ViewerGTK"]),
    // What Scripts/link-c-libraries makes libvgpu.so and libvgpu-gtk3.so of.
    .library(name: "VGPUExports", type: .static, targets: ["VGPUExports"]),
    .library(name: "VGPUExportsGTK3", type: .static, targets: ["VGPUExportsGTK3"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // The kernel, in C and then in Swift; and text, which every layer writes.
    .target(name: "SafeText"),
    .testTarget(
      name: "SafeTextTests", dependencies: ["SafeText", "TestSupport", "vgpu"]),
    .target(name: "JSONText"),
    .target(name: "CLinux"),
    .target(name: "CProcess", dependencies: ["CLinux"]),
    .target(
      name: "LinuxSystem", dependencies: ["CLinux", "CProcess", system]),
    .testTarget(
      name: "LinuxSystemTests", dependencies: ["LinuxSystem", "TestSupport", system]),
    .target(
      name: "VFIO", dependencies: ["CLinux", "CProcess", "LinuxSystem", system]),
    .testTarget(
      name: "VFIOTests",
      dependencies: ["CABIFacts", "CLinux", "LinuxSystem", "TestSupport", "VFIO", system]),
    .target(
      name: "DMABuf", dependencies: ["CLinux", "LinuxSystem", system]),
    .testTarget(
      name: "DMABufTests",
      dependencies: ["CABIFacts", "CLinux", "DMABuf", "LinuxSystem", "TestSupport", system]),

    // The host: its devices, and whether it has what a vGPU needs.
    .target(
      name: "HostDevices", dependencies: ["CLinux", "JSONText", "LinuxSystem", "SafeText", system]),
    .testTarget(
      name: "HostDevicesTests",
      dependencies: ["HostDevices", "LinuxSystem", "TestSupport", "VFIO", system]),
    .target(
      name: "PersistentDevices", dependencies: ["HostDevices", "LinuxSystem", system]),
    .testTarget(
      name: "PersistentDevicesTests",
      dependencies: ["HostDevices", "LinuxSystem", "PersistentDevices", "TestSupport", system]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "HostCheck",
      dependencies: ["CLinux", "CZlib", "HostDevices", "LinuxSystem", "SafeText", "QEMU", system]),
    .testTarget(
      name: "HostCheckTests",
      dependencies: ["HostCheck", "HostDevices", "LinuxSystem", "QEMU", "TestSupport", system],
      exclude: ["Golden"]),

    // A guest: its monitor, QEMU, libvirt, input, hot-plug, and starting one.
    .target(name: "MonitorEDID"),
    .testTarget(
      name: "MonitorEDIDTests", dependencies: ["MonitorEDID", "TestSupport"]),
    .target(
      name: "QMP", dependencies: ["CLinux", "JSONText", "LinuxSystem", system]),
    .testTarget(
      name: "QMPTests", dependencies: ["LinuxSystem", "QMP", "TestSupport", system]),
    .target(name: "GuestInput"),
    .target(
      name: "GuestControl",
      dependencies: ["CLinux", "GuestInput", "HostDevices", "LinuxSystem", "QMP", system]),
    .testTarget(
      name: "GuestControlTests",
      dependencies: ["GuestControl", "GuestInput", "LinuxSystem", "QMP", "TestSupport", system]),
    .target(
      name: "Hotplug", dependencies: ["GuestControl", "HostDevices", "LinuxSystem", "QMP"]),
    .testTarget(
      name: "HotplugTests",
      dependencies: [
        "GuestControl", "HostDevices", "Hotplug", "LinuxSystem", "QMP", "TestSupport", system,
      ]),
    .target(name: "CLibvirt"),
    .target(
      name: "Libvirt",
      dependencies: ["CLibvirt", "CLinux", "GuestControl", "HostDevices", "SafeText", system]),
    .testTarget(
      name: "LibvirtTests",
      dependencies: [
        "Attachment", "BridgeProtocol", "HostDevices", "Libvirt", "QEMU", "TestSupport",
      ]),
    .target(
      name: "QEMU",
      dependencies: [
        "CLinux", "CProcess", "HostDevices", "JSONText", "LinuxSystem", "SafeText", system,
      ]),
    .testTarget(
      name: "QEMUTests",
      dependencies: ["HostDevices", "QEMU", "QMP", "TestSupport", system]),
    .target(
      name: "GuestSession",
      dependencies: ["CLinux", "HostDevices", "LinuxSystem", "QEMU", "QMP", "VFIO", system]),
    .testTarget(
      name: "GuestSessionTests",
      dependencies: [
        "GuestSession", "HostDevices", "LinuxSystem", "QEMU", "QMP", "TestSupport", system,
      ]),

    // Frames: from a device to pixels, without a toolkit.
    .target(name: "TestPatterns"),
    .target(
      name: "VGPUDisplay",
      dependencies: ["CLinux", "DMABuf", "LinuxSystem", "TestPatterns", "VFIO", system]),
    .testTarget(
      name: "VGPUDisplayTests",
      dependencies: [
        "CAllocationCount", "DMABuf", "LinuxSystem", "PNGFile", "TestPatterns", "TestSupport",
        "VFIO",
        "VGPUDisplay", system,
      ]),
    .target(
      name: "BootScreen",
      dependencies: [
        "CLinux", "DMABuf", "GuestControl", "LinuxSystem", "QMP", "VFIO", "VGPUDisplay", system,
      ]),
    .testTarget(
      name: "BootScreenTests",
      dependencies: [
        "BootScreen", "DMABuf", "GuestControl", "LinuxSystem", "QMP", "TestPatterns", "TestSupport",
        "VFIO", "VGPUDisplay", system,
      ]),
    .systemLibrary(name: "CEGL", pkgConfig: "epoxy", providers: [.apt(["libepoxy-dev"])]),
    .target(
      name: "EGLPresenter", dependencies: ["CEGL", "DMABuf", "LinuxSystem", "VGPUDisplay"]),
    .testTarget(
      name: "EGLPresenterTests",
      dependencies: [
        "CAllocationCount", "DMABuf", "EGLPresenter", "LinuxSystem", "TestSupport", "VFIO",
        "VGPUDisplay",
      ]),
    .target(name: "FramePacing", dependencies: ["LinuxSystem"]),
    .testTarget(
      name: "FramePacingTests", dependencies: ["FramePacing", "LinuxSystem", "TestSupport"]),
    .target(name: "CSignpost"),
    .target(
      name: "FrameStatistics",
      dependencies: [
        "CSignpost", "LinuxSystem", "SafeText",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ]),
    .testTarget(
      name: "FrameStatisticsTests",
      dependencies: ["CAllocationCount", "FrameStatistics", "LinuxSystem", "TestSupport", "vgpu"]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .target(name: "PNGFile", dependencies: ["CPNG", "VGPUDisplay", system]),

    // The bridge: frames across a socket, for those who may not have the device.
    .target(
      name: "BridgeProtocol", dependencies: ["HostDevices", "SafeText"]),
    .target(
      name: "BridgeClient",
      dependencies: [
        "BridgeProtocol", "CLinux", "DMABuf", "LinuxSystem", "VFIO", "VGPUDisplay", system,
      ]),

    // From what a user names to its frames and all else that it offers.
    .target(
      name: "Attachment",
      dependencies: [
        "BridgeClient", "BridgeProtocol", "CLinux", "CProcess", "HostDevices", "Libvirt",
        "LinuxSystem", "VFIO", "VGPUDisplay", system,
      ]),
    .target(
      name: "Guests",
      dependencies: [
        "Attachment", "BootScreen", "BridgeClient", "BridgeProtocol", "GuestControl", "HostDevices",
        "Libvirt", "LinuxSystem", "MonitorEDID", "QMP", "VFIO", "VGPUDisplay",
      ]),
    .testTarget(
      name: "GuestsTests",
      dependencies: [
        "Attachment", "BridgeProtocol", "GuestControl", "Guests", "HostDevices", "LinuxSystem",
        "MonitorEDID", "TestPatterns", "TestSupport", "VGPUDisplay", system,
      ]),
    .target(
      name: "BridgeServer",
      dependencies: [
        "Attachment", "BridgeProtocol", "CLinux", "CProcess", "DMABuf", "HostDevices",
        "LinuxSystem", "MonitorEDID", "VFIO", "VGPUDisplay",
        .product(name: "Logging", package: "swift-log"), system,
      ]),
    .testTarget(
      name: "BridgeTests",
      dependencies: [
        "BridgeClient", "BridgeProtocol", "BridgeServer", "CAllocationCount", "CLinux", "DMABuf",
        "HostDevices", "LinuxSystem", "TestPatterns", "TestSupport", "VFIO", "VGPUDisplay",
        .product(name: "Logging", package: "swift-log"), system,
      ]),

    // The viewer.
    .systemLibrary(
      name: "CWayland", pkgConfig: "wayland-client", providers: [.apt(["libwayland-dev"])]),
    .target(name: "CWaylandProtocols", dependencies: ["CWayland"]),
    .systemLibrary(
      name: "CX11", pkgConfig: "xcb-present",
      providers: [.apt(["libx11-xcb-dev", "libxcb-present-dev"])]),
    .systemLibrary(name: "CGTK3", pkgConfig: "gtk+-3.0", providers: [.apt(["libgtk-3-dev"])]),
    .target(
      name: "ViewerGTK",
      dependencies: [
        "CGTK3", "CLinux", "CWayland", "CWaylandProtocols", "CX11", "DMABuf", "EGLPresenter",
        "FramePacing", "FrameStatistics", "GuestInput", "LinuxSystem", "PNGFile", "SafeText",
        "VGPUDisplay", system,
      ]),
    .executableTarget(
      name: "ViewerFixture",
      dependencies: [
        "CGTK3", "DMABuf", "EGLPresenter", "FrameStatistics", "GuestInput", "LinuxSystem",
        "TestPatterns", "VFIO",
        "VGPUDisplay",
        "ViewerGTK",
      ],
      path: "Tests/ViewerFixture"),
    .testTarget(
      name: "ViewerGTKTests",
      dependencies: [
        "VGPUExportsGTK3", "DMABuf", "EGLPresenter", "FrameStatistics", "GuestInput", "LinuxSystem",
        "PNGFile",
        "TestSupport", "VGPUDisplay", "ViewerFixture", "ViewerGTK", "vgpu",
      ],
      exclude: ["Programs"]),

    // The same for C: vgpu.h and vgpu-gtk3.h.
    .systemLibrary(name: "CVGPU"),
    .target(
      name: "VGPUExports",
      dependencies: [
        "Attachment", "BridgeClient", "BridgeProtocol", "CLinux", "CVGPU", "DMABuf", "MonitorEDID",
        "HostDevices", "Libvirt", "LinuxSystem", "SafeText", "VFIO", "VGPUDisplay", system,
      ]),
    .testTarget(
      name: "VGPUExportsTests",
      dependencies: [
        "VGPUExports", "CVGPU", "MonitorEDID", "TestPatterns", "TestSupport", "VGPUDisplay",
        "save-frame",
      ]),
    .target(name: "CViewGTK3", dependencies: ["CGTK3", "CLinux", "CVGPU"]),
    .target(
      name: "VGPUExportsGTK3",
      dependencies: [
        "Attachment", "CGTK3", "VGPUExports", "CVGPU", "CViewGTK3", "EGLPresenter", "GuestControl",
        "Guests", "LinuxSystem", "SafeText", "VGPUDisplay", "ViewerGTK",
      ]),

    // The command line, and its manual.
    .executableTarget(
      name: "vgpu",
      dependencies: [
        "Attachment", "BootScreen", "BridgeClient", "BridgeProtocol", "BridgeServer", "CLinux",
        "MonitorEDID", "EGLPresenter", "FrameStatistics",
        "GuestControl", "GuestInput", "GuestSession", "Guests", "HostCheck", "HostDevices",
        "Hotplug", "Libvirt",
        "LinuxSystem", "PersistentDevices", "PNGFile", "SafeText", "QEMU", "QMP", "VFIO",
        "VGPUDisplay", "ViewerGTK", argumentParser, .product(name: "Logging", package: "swift-log"),
        system,
      ]),
    .executableTarget(name: "vgpu-manual"),
    .testTarget(
      name: "InstallTests", dependencies: ["VGPUExports", "VGPUExportsGTK3", "TestSupport"]),

    // Examples.
    .executableTarget(
      name: "save-frame", dependencies: ["Attachment", "VGPUDisplay"], path: "Examples/SaveFrame"),
    .executableTarget(
      name: "two-guests",
      dependencies: [
        "Attachment", "CGTK3", "CX11", "EGLPresenter", "GuestSession", "HostDevices", "QEMU",
        "ViewerGTK",
      ],
      path: "Examples/TwoGuests"),

    // What tests and benchmarks share; the rig and its guest that needs no CPU; a frame's way for an instruction counter.
    .target(name: "CABIFacts", dependencies: ["CLinux"], path: "Tests/CABIFacts"),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .target(
      name: "TestSupport", dependencies: ["LinuxSystem", "TestPatterns", "VGPUDisplay", system],
      path: "Tests/TestSupport"),
    .executableTarget(
      name: "rig-guest",
      dependencies: [
        "CLinux", "HostDevices", "LinuxSystem", "TestPatterns", "VFIO",
        argumentParser,
      ],
      path: "Rig/Guest"),
    .testTarget(
      name: "RigTests",
      dependencies: [
        "Attachment", "BridgeClient", "BridgeProtocol", "CAllocationCount", "VGPUExports", "CLinux",
        "CVGPU", "DMABuf", "MonitorEDID",
        "GuestControl", "GuestInput", "HostDevices", "Libvirt", "LinuxSystem", "PNGFile", "QEMU",
        "QMP", "TestPatterns", "TestSupport", "VFIO", "VGPUDisplay", "two-guests", system,
      ]),
    .executableTarget(
      name: "frame-path",
      dependencies: ["DMABuf", "FrameStatistics", "LinuxSystem", "VFIO", "VGPUDisplay"],
      path: "Benchmarks/FramePath"),
  ]
)

// C targets have no use for them.
for target in package.targets where target.type != .system {
  target.swiftSettings = swiftSettings
}
