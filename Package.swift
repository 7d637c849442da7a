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
    .library(name: "VFIO", targets: ["VFIO"]),
    .library(name: "BootScreen", targets: ["BootScreen"]),
    .library(name: "BridgeClient", targets: ["BridgeClient"]),
    .library(name: "BridgeProtocol", targets: ["BridgeProtocol"]),
    .library(name: "BridgeServer", targets: ["BridgeServer"]),
    .library(name: "DMABuf", targets: ["DMABuf"]),
    .library(name: "GuestControl", targets: ["GuestControl"]),
    .library(name: "GuestInput", targets: ["GuestInput"]),
    .library(name: "GuestSession", targets: ["GuestSession"]),
    .library(name: "HostCheck", targets: ["HostCheck"]),
    .library(name: "HostDevices", targets: ["HostDevices"]),
    .library(name: "PersistentDevices", targets: ["PersistentDevices"]),
    .library(name: "Hotplug", targets: ["Hotplug"]),
    .library(name: "Libvirt", targets: ["Libvirt"]),
    .library(name: "Attachment", targets: ["Attachment"]),
    .library(name: "Guests", targets: ["Guests"]),
    .library(name: "MonitorEDID", targets: ["MonitorEDID"]),
    .library(name: "FrameStatistics", targets: ["FrameStatistics"]),
    .library(name: "QEMU", targets: ["QEMU"]),
    .library(name: "QMP", targets: ["QMP"]),
    .library(name: "VGPUDisplay", targets: ["VGPUDisplay"]),
    .library(name: "EGLPresenter", targets: ["EGLPresenter"]),
    .library(name: "PNGFile", targets: ["PNGFile"]),
    .library(name: "FramePacing", targets: ["FramePacing"]),
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
    // What others write, for whoever reads it.
    .target(name: "SafeText", swiftSettings: swiftSettings),
    .testTarget(
      name: "SafeTextTests", dependencies: ["SafeText", "TestSupport", "vgpu"],
      swiftSettings: swiftSettings),

    // The kernel, in C and then in Swift.
    .target(name: "CLinux"),
    .target(name: "CProcess", dependencies: ["CLinux"]),
    .target(name: "JSONText", swiftSettings: swiftSettings),
    .target(
      name: "LinuxSystem", dependencies: ["CLinux", "CProcess", system], swiftSettings: swiftSettings),
    .testTarget(
      name: "LinuxSystemTests", dependencies: ["LinuxSystem", "TestSupport", system],
      swiftSettings: swiftSettings),
    .target(
      name: "VFIO", dependencies: ["CLinux", "CProcess", "LinuxSystem", system],
      swiftSettings: swiftSettings),
    .target(
      name: "DMABuf", dependencies: ["CLinux", "LinuxSystem", system],
      swiftSettings: swiftSettings),

    // The host: its GPUs, and the vGPUs that they are split into.
    .target(
      name: "HostDevices", dependencies: ["CLinux", "JSONText", "LinuxSystem", "SafeText", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "HostDevicesTests",
      dependencies: ["HostDevices", "LinuxSystem", "TestSupport", "VFIO", system],
      swiftSettings: swiftSettings),

    // Devices that survive the host's reboots.
    .target(
      name: "PersistentDevices", dependencies: ["HostDevices", "LinuxSystem", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "PersistentDevicesTests",
      dependencies: ["HostDevices", "LinuxSystem", "PersistentDevices", "TestSupport", system],
      swiftSettings: swiftSettings),

    // What a host needs, and what it lacks.
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "HostCheck",
      dependencies: ["CLinux", "CZlib", "HostDevices", "LinuxSystem", "SafeText", "QEMU", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "HostCheckTests",
      dependencies: ["HostCheck", "HostDevices", "LinuxSystem", "QEMU", "TestSupport", system],
      exclude: ["Golden"],
      swiftSettings: swiftSettings),

    // What a monitor says of itself.
    .target(name: "MonitorEDID", swiftSettings: swiftSettings),
    .testTarget(
      name: "MonitorEDIDTests", dependencies: ["MonitorEDID", "TestSupport"],
      swiftSettings: swiftSettings),

    // QEMU's machine protocol.
    .target(
      name: "QMP", dependencies: ["CLinux", "JSONText", "LinuxSystem", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "QMPTests", dependencies: ["LinuxSystem", "QMP", "TestSupport", system],
      swiftSettings: swiftSettings),

    // Keyboard and mouse, and whoever tells the guest of them.
    .target(name: "GuestInput", swiftSettings: swiftSettings),
    .target(
      name: "GuestControl",
      dependencies: ["CLinux", "GuestInput", "HostDevices", "LinuxSystem", "QMP", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "GuestControlTests",
      dependencies: ["GuestControl", "GuestInput", "LinuxSystem", "QMP", "TestSupport", system],
      swiftSettings: swiftSettings),

    // The host's devices, for a running guest.
    .target(
      name: "Hotplug", dependencies: ["GuestControl", "HostDevices", "LinuxSystem", "QMP"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "HotplugTests",
      dependencies: [
        "GuestControl", "HostDevices", "Hotplug", "LinuxSystem", "QMP", "TestSupport", system,
      ],
      swiftSettings: swiftSettings),

    // Guests that libvirt runs.
    .target(name: "CLibvirt"),
    .target(
      name: "Libvirt",
      dependencies: ["CLibvirt", "CLinux", "GuestControl", "HostDevices", "SafeText", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LibvirtTests",
      dependencies: [
        "Attachment", "BridgeProtocol", "HostDevices", "Libvirt", "QEMU", "TestSupport",
      ],
      swiftSettings: swiftSettings),

    // The display, without a toolkit.
    .target(name: "TestPatterns", swiftSettings: swiftSettings),
    .target(
      name: "VGPUDisplay",
      dependencies: ["CLinux", "DMABuf", "LinuxSystem", "TestPatterns", "VFIO", system],
      swiftSettings: swiftSettings),

    // A guest's screen before its driver has started.
    .target(
      name: "BootScreen",
      dependencies: [
        "CLinux", "DMABuf", "GuestControl", "LinuxSystem", "QMP", "VFIO", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BootScreenTests",
      dependencies: [
        "BootScreen", "DMABuf", "GuestControl", "LinuxSystem", "QMP", "TestPatterns",
        "TestSupport", "VFIO", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),

    // Frames across a socket, for those who may not have the device.
    .target(
      name: "BridgeProtocol", dependencies: ["HostDevices", "SafeText"],
      swiftSettings: swiftSettings),
    .target(
      name: "BridgeServer",
      dependencies: [
        "Attachment", "BridgeProtocol", "CLinux", "CProcess", "DMABuf", "HostDevices",
        "LinuxSystem", "MonitorEDID", "VFIO", "VGPUDisplay",
        .product(name: "Logging", package: "swift-log"), system,
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "BridgeClient",
      dependencies: [
        "BridgeProtocol", "CLinux", "DMABuf", "LinuxSystem", "VFIO", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BridgeTests",
      dependencies: [
        "BridgeClient", "BridgeProtocol", "BridgeServer", "CAllocationCount", "CLinux", "DMABuf",
        "HostDevices", "LinuxSystem", "TestPatterns", "TestSupport", "VFIO", "VGPUDisplay",
        .product(name: "Logging", package: "swift-log"), system,
      ],
      swiftSettings: swiftSettings),

    // From a target to its frames.
    .target(
      name: "Attachment",
      dependencies: [
        "BridgeClient", "BridgeProtocol", "CLinux", "CProcess", "HostDevices", "Libvirt",
        "LinuxSystem", "VFIO", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),

    // What a guest offers, and who provides it.
    .target(
      name: "Guests",
      dependencies: [
        "Attachment", "BootScreen", "BridgeClient", "BridgeProtocol", "GuestControl",
        "HostDevices", "Libvirt", "LinuxSystem", "MonitorEDID", "QMP", "VFIO", "VGPUDisplay",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "GuestsTests",
      dependencies: [
        "Attachment", "BridgeProtocol", "GuestControl", "Guests", "HostDevices", "LinuxSystem",
        "MonitorEDID", "TestPatterns", "TestSupport", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),

    // Starting guests.
    .target(
      name: "QEMU",
      dependencies: [
        "CLinux", "CProcess", "HostDevices", "JSONText", "LinuxSystem", "SafeText", system,
      ],
      swiftSettings: swiftSettings),

    .target(
      name: "GuestSession",
      dependencies: ["CLinux", "HostDevices", "LinuxSystem", "QEMU", "QMP", "VFIO", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "GuestSessionTests",
      dependencies: [
        "GuestSession", "HostDevices", "LinuxSystem", "QEMU", "QMP", "TestSupport", system,
      ],
      swiftSettings: swiftSettings),

    // What becomes of frames, in numbers.
    .target(name: "CSignpost"),
    .target(
      name: "FrameStatistics",
      dependencies: [
        "CSignpost", "LinuxSystem", "SafeText",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "FrameStatisticsTests",
      dependencies: ["CAllocationCount", "FrameStatistics", "LinuxSystem", "TestSupport", "vgpu"],
      swiftSettings: swiftSettings),

    // The same for C: vgpu.h.
    .systemLibrary(name: "CVGPU"),
    .target(
      name: "VGPUExports",
      dependencies: [
        "Attachment", "BridgeClient", "BridgeProtocol", "CLinux", "CVGPU", "DMABuf", "MonitorEDID",
        "HostDevices", "Libvirt", "LinuxSystem", "SafeText", "VFIO", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),

    .testTarget(
      name: "VGPUExportsTests",
      dependencies: [
        "VGPUExports", "CVGPU", "MonitorEDID", "TestPatterns", "TestSupport", "VGPUDisplay",
        "save-frame",
      ],
      swiftSettings: swiftSettings),

    // Pictures as files.
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .target(
      name: "PNGFile", dependencies: ["CPNG", "VGPUDisplay", system], swiftSettings: swiftSettings),

    // The command line.
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
      ],
      swiftSettings: swiftSettings),

    // The command's manual pages, of its own help.
    .executableTarget(name: "vgpu-manual", swiftSettings: swiftSettings),
    .testTarget(
      name: "InstallTests", dependencies: ["VGPUExports", "VGPUExportsGTK3", "TestSupport"],
      swiftSettings: swiftSettings),

    // The rig's guest that needs no CPU.
    .executableTarget(
      name: "rig-guest",
      dependencies: [
        "CLinux", "HostDevices", "LinuxSystem", "TestPatterns", "VFIO",
        argumentParser,
      ],
      path: "Rig/Guest", swiftSettings: swiftSettings),

    // What others can begin with.
    .executableTarget(
      name: "save-frame", dependencies: ["Attachment", "VGPUDisplay"], path: "Examples/SaveFrame",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "two-guests",
      dependencies: [
        "Attachment", "CGTK3", "CX11", "EGLPresenter", "GuestSession", "HostDevices", "QEMU",
        "ViewerGTK",
      ],
      path: "Examples/TwoGuests", swiftSettings: swiftSettings),

    // A frame's way for an instruction counter: Benchmarks/instructions.
    .executableTarget(
      name: "frame-path",
      dependencies: ["DMABuf", "FrameStatistics", "LinuxSystem", "VFIO", "VGPUDisplay"],
      path: "Benchmarks/FramePath", swiftSettings: swiftSettings),

    // Proof.
    .target(name: "CABIFacts", dependencies: ["CLinux"], path: "Tests/CABIFacts"),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .target(
      name: "TestSupport", dependencies: ["LinuxSystem", "TestPatterns", "VGPUDisplay", system],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .testTarget(
      name: "VFIOTests",
      dependencies: ["CABIFacts", "CLinux", "LinuxSystem", "TestSupport", "VFIO", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "DMABufTests",
      dependencies: ["CABIFacts", "CLinux", "DMABuf", "LinuxSystem", "TestSupport", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "VGPUDisplayTests",
      dependencies: [
        "CAllocationCount", "DMABuf", "LinuxSystem", "PNGFile", "TestPatterns", "TestSupport",
        "VFIO", "VGPUDisplay", system,
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "QEMUTests",
      dependencies: ["HostDevices", "QEMU", "QMP", "TestSupport", system],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "RigTests",
      dependencies: [
        "Attachment", "BridgeClient", "BridgeProtocol", "CAllocationCount", "VGPUExports", "CLinux",
        "CVGPU", "DMABuf", "MonitorEDID",
        "GuestControl", "GuestInput", "HostDevices", "Libvirt", "LinuxSystem", "PNGFile", "QEMU",
        "QMP", "TestPatterns", "TestSupport", "VFIO", "VGPUDisplay", "two-guests", system,
      ],
      swiftSettings: swiftSettings),

    // The display, drawn.
    .systemLibrary(name: "CEGL", pkgConfig: "epoxy", providers: [.apt(["libepoxy-dev"])]),
    .target(
      name: "EGLPresenter", dependencies: ["CEGL", "DMABuf", "LinuxSystem", "VGPUDisplay"],
      swiftSettings: swiftSettings),

    // When to show what.
    .target(name: "FramePacing", dependencies: ["LinuxSystem"], swiftSettings: swiftSettings),
    .testTarget(
      name: "FramePacingTests", dependencies: ["FramePacing", "LinuxSystem", "TestSupport"],
      swiftSettings: swiftSettings),

    // The window.
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
      ],
      swiftSettings: swiftSettings),

    // The same for C: vgpu-gtk3.h.
    .target(name: "CViewGTK3", dependencies: ["CGTK3", "CLinux", "CVGPU"]),
    .target(
      name: "VGPUExportsGTK3",
      dependencies: [
        "Attachment", "CGTK3", "VGPUExports", "CVGPU", "CViewGTK3", "EGLPresenter", "GuestControl",
        "Guests", "LinuxSystem", "SafeText", "VGPUDisplay", "ViewerGTK",
      ],
      swiftSettings: swiftSettings),

    .testTarget(
      name: "EGLPresenterTests",
      dependencies: [
        "CAllocationCount", "DMABuf", "EGLPresenter", "LinuxSystem", "TestSupport", "VFIO",
        "VGPUDisplay",
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "ViewerFixture",
      dependencies: [
        "CGTK3", "DMABuf", "EGLPresenter", "FrameStatistics", "GuestInput", "LinuxSystem",
        "TestPatterns", "VFIO",
        "VGPUDisplay",
        "ViewerGTK",
      ],
      path: "Tests/ViewerFixture", swiftSettings: swiftSettings),
    .testTarget(
      name: "ViewerGTKTests",
      dependencies: [
        "VGPUExportsGTK3", "DMABuf", "EGLPresenter", "FrameStatistics", "GuestInput", "LinuxSystem",
        "PNGFile",
        "TestSupport", "VGPUDisplay", "ViewerFixture", "ViewerGTK", "vgpu",
      ],
      exclude: ["Programs"],
      swiftSettings: swiftSettings),
  ]
)
