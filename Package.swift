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

/// A library of the system, for those who want what needs it.
func library(_ name: String, _ trait: String) -> Target.Dependency {
  .target(name: name, condition: .when(traits: [trait]))
}
let zlib = library("CZlib", "Zlib")
let png = library("CPNG", "PNG")
let gio = library("CGIO", "GIO")
let epoxy = library("CEGL", "EGL")
let xxhash = library("CXXHash", "EGL")
let drm = library("CDRM", "KMS")
let input = library("CInput", "KMS")
let gtk = library("CGTK3", "GTK")
let wayland = library("CWayland", "GTK")
let x11 = library("CX11", "GTK")

let package = Package(
  name: "swift-vgpu",
  products: [
    .executable(name: "vgpu", targets: ["vgpu"]),
    .executable(name: "vgpu-helper", targets: ["vgpu-helper"]),
    // Kernel.
    .library(name: "LinuxSystem", targets: ["LinuxSystem"]),
    .library(name: "VFIO", targets: ["VFIO"]),
    .library(name: "DMABuf", targets: ["DMABuf"]),
    // Host.
    .library(name: "HostDevices", targets: ["HostDevices"]),
    .library(name: "PersistentDevices", targets: ["PersistentDevices"]),
    .library(name: "HostChanges", targets: ["HostChanges"]),
    .library(name: "HostCheck", targets: ["HostCheck"]),
    // Guest.
    .library(name: "MonitorEDID", targets: ["MonitorEDID"]),
    .library(name: "QMP", targets: ["QMP"]),
    .library(name: "GuestInput", targets: ["GuestInput"]),
    .library(name: "GuestSound", targets: ["GuestSound"]),
    .library(name: "GuestControl", targets: ["GuestControl"]),
    .library(name: "Hotplug", targets: ["Hotplug"]),
    .library(name: "GuestAgent", targets: ["GuestAgent"]),
    .library(name: "Libvirt", targets: ["Libvirt"]),
    .library(name: "QEMU", targets: ["QEMU"]),
    .library(name: "GuestSession", targets: ["GuestSession"]),
    // Frames.
    .library(name: "TestPatterns", targets: ["TestPatterns"]),
    .library(name: "VGPUDisplay", targets: ["VGPUDisplay"]),
    .library(name: "BootScreen", targets: ["BootScreen"]),
    .library(name: "QEMUDisplay", targets: ["QEMUDisplay"]),
    .library(name: "EGLPresenter", targets: ["EGLPresenter"]),
    .library(name: "HostCheckEGL", targets: ["HostCheckEGL"]),
    .library(name: "KMSPresenter", targets: ["KMSPresenter"]),
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
    .library(
      name: "VGPUExports", type: .static, targets: ["VGPUExports", "VGPUManagerExports"]),
    .library(name: "VGPUExportsGTK3", type: .static, targets: ["VGPUExportsGTK3"]),
  ],
  // What needs a library of the system. A package that wants none of it names `traits: []`: then no
  // header of these libraries is looked for.
  traits: [
    .trait(
      name: "GTK", description: "ViewerGTK: the widget and the window",
      enabledTraits: ["EGL", "PNG"]),
    .trait(name: "EGL", description: "EGLPresenter: frames drawn by the GPU"),
    .trait(
      name: "KMS", description: "KMSPresenter: a monitor without a compositor",
      enabledTraits: ["EGL"]),
    .trait(name: "GIO", description: "QEMUDisplay: QEMU's display on D-Bus"),
    .trait(name: "PNG", description: "PNGFile: pictures as PNG"),
    .trait(name: "Zlib", description: "HostCheck: reads the running kernel's configuration"),
    .default(enabledTraits: ["GTK", "EGL", "KMS", "GIO", "PNG", "Zlib"]),
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
    .target(name: "JSONText", dependencies: ["SafeText"]),
    .target(name: "ErrorKinds"),
    .target(name: "CLinux"),
    .target(name: "CProcess", dependencies: ["CLinux"]),
    .target(
      name: "LinuxSystem", dependencies: ["CLinux", "CProcess", "ErrorKinds", system]),
    .testTarget(
      name: "LinuxSystemTests", dependencies: ["LinuxSystem", "TestSupport", system]),
    .target(
      name: "VFIO",
      dependencies: ["CLinux", "CProcess", "ErrorKinds", "LinuxSystem", "SafeText", system]),
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
      name: "HostDevices",
      dependencies: ["CLinux", "ErrorKinds", "LinuxSystem", "SafeText", system]),
    .testTarget(
      name: "HostDevicesTests",
      dependencies: [
        "CLinux", "HostDevices", "LinuxSystem", "TestSupport", "VFIO", "open-device", system,
      ]),
    .target(
      name: "PersistentDevices",
      dependencies: ["ErrorKinds", "HostDevices", "LinuxSystem", system]),
    .testTarget(
      name: "PersistentDevicesTests",
      dependencies: ["HostDevices", "LinuxSystem", "PersistentDevices", "TestSupport", system]),
    .target(
      name: "HostChanges",
      dependencies: [
        "ErrorKinds", "HostDevices", "LinuxSystem", "PersistentDevices",
      ]),
    .testTarget(
      name: "HostChangesTests",
      dependencies: [
        "CLinux", "ErrorKinds", "HostChanges", "HostDevices", "LinuxSystem", "PersistentDevices",
        "TestSupport", "vgpu-helper", system,
      ]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "HostCheck",
      dependencies: [
        "CLinux", zlib, "HostDevices", "JSONText", "LinuxSystem", "SafeText", "QEMU", system,
      ]),
    .testTarget(
      name: "HostCheckTests",
      dependencies: ["HostCheck", "HostDevices", "LinuxSystem", "QEMU", "TestSupport", system],
      exclude: ["Golden"]),

    // A guest: its monitor, QEMU, libvirt, input, hot-plug, and starting one.
    .target(name: "MonitorEDID", dependencies: ["ErrorKinds"]),
    .testTarget(
      name: "MonitorEDIDTests", dependencies: ["MonitorEDID", "TestSupport"]),
    .target(
      name: "QMP", dependencies: ["CLinux", "ErrorKinds", "JSONText", "LinuxSystem", system]),
    .testTarget(
      name: "QMPTests", dependencies: ["LinuxSystem", "QMP", "TestSupport", system]),
    .target(name: "GuestInput"),
    .target(name: "CPulse"),
    .target(
      name: "GuestSound", dependencies: ["CPulse", "ErrorKinds", "LinuxSystem", "SafeText"]),
    .testTarget(
      name: "GuestSoundTests", dependencies: ["GuestSound", "LinuxSystem", "TestSupport"],
      exclude: ["Programs"]),
    .target(
      name: "QEMUArguments", dependencies: ["HostDevices", "JSONText"]),
    .testTarget(
      name: "QEMUArgumentsTests", dependencies: ["HostDevices", "QEMUArguments"]),
    .target(
      name: "GuestControl",
      dependencies: [
        "CLinux", "ErrorKinds", "GuestInput", "HostDevices", "LinuxSystem", "QEMUArguments", "QMP",
        system,
      ]),
    .testTarget(
      name: "GuestControlTests",
      dependencies: ["GuestControl", "GuestInput", "LinuxSystem", "QMP", "TestSupport", system]),
    .target(
      name: "Hotplug",
      dependencies: ["ErrorKinds", "GuestControl", "HostDevices", "LinuxSystem", "QMP"]),
    .testTarget(
      name: "HotplugTests",
      dependencies: [
        "GuestControl", "HostDevices", "Hotplug", "LinuxSystem", "QMP", "TestSupport", system,
      ]),
    .target(
      name: "GuestAgent",
      dependencies: ["CLinux", "ErrorKinds", "GuestInput", "LinuxSystem", "SafeText", system]),
    .testTarget(
      name: "GuestAgentTests",
      dependencies: ["GuestAgent", "GuestInput", "LinuxSystem", "TestSupport", "vgpu", system],
      exclude: ["Programs"]),
    .target(name: "CLibvirt"),
    .target(
      name: "Libvirt",
      dependencies: [
        "CLibvirt", "CLinux", "ErrorKinds", "GuestControl", "HostDevices", "LinuxSystem",
        "QEMUArguments", "SafeText", system,
      ]),
    .testTarget(
      name: "LibvirtTests",
      dependencies: [
        "Attachment", "BridgeProtocol", "HostDevices", "Libvirt", "QEMU", "TestSupport",
      ],
      exclude: ["Programs"]),
    .target(
      name: "QEMU",
      dependencies: [
        "CLinux", "CProcess", "ErrorKinds", "HostDevices", "JSONText", "LinuxSystem", "SafeText",
        system,
      ]),
    .testTarget(
      name: "QEMUTests",
      dependencies: ["HostDevices", "QEMU", "QMP", "TestSupport", system]),
    .target(
      name: "GuestSession",
      dependencies: [
        "CLinux", "ErrorKinds", "HostDevices", "JSONText", "LinuxSystem", "QEMU", "QMP", "SafeText",
        "VFIO", system,
      ]),
    .testTarget(
      name: "GuestSessionTests",
      dependencies: [
        "CLinux", "GuestSession", "HostDevices", "LinuxSystem", "QEMU", "QMP", "TestSupport",
        system,
      ]),

    // Frames: from a device to pixels, without a toolkit.
    .target(name: "TestPatterns"),
    .target(
      name: "VGPUDisplay",
      dependencies: [
        "CLinux", "DMABuf", "ErrorKinds", "LinuxSystem", "TestPatterns", "VFIO", system,
      ]),
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
    .systemLibrary(name: "CGIO", pkgConfig: "gobject-2.0", providers: [.apt(["libglib2.0-dev"])]),
    .target(
      name: "QEMUDisplay",
      dependencies: [
        gio, "CLinux", "DMABuf", "ErrorKinds", "GuestControl", "GuestInput", "GuestSound",
        "LinuxSystem", "QMP", "SafeText", "VGPUDisplay", system,
      ]),
    .testTarget(
      name: "QEMUDisplayTests",
      dependencies: [
        gio, "DMABuf", "GuestControl", "GuestInput", "GuestSound", "LinuxSystem", "QEMUDisplay",
        "QMP", "TestSupport", "VGPUDisplay", system,
      ],
      exclude: ["Programs"]),
    .systemLibrary(name: "CEGL", pkgConfig: "epoxy", providers: [.apt(["libepoxy-dev"])]),
    .systemLibrary(
      name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(
      name: "EGLPresenter",
      dependencies: [epoxy, xxhash, "DMABuf", "LinuxSystem", "VGPUDisplay"]),
    .testTarget(
      name: "EGLPresenterTests",
      dependencies: [
        "CAllocationCount", "DMABuf", "EGLPresenter", "LinuxSystem", "TestSupport", "VFIO",
        "VGPUDisplay",
      ]),
    .target(
      name: "HostCheckEGL", dependencies: ["EGLPresenter", "GuestSession", "HostCheck"]),
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
    .systemLibrary(name: "CDRM", pkgConfig: "libdrm", providers: [.apt(["libdrm-dev"])]),
    .systemLibrary(name: "CInput", pkgConfig: "libinput", providers: [.apt(["libinput-dev"])]),
    .target(
      name: "KMSPresenter",
      dependencies: [
        drm, input, "CLinux", "CProcess", "DMABuf", "EGLPresenter", "ErrorKinds", "FramePacing",
        "FrameStatistics", "GuestInput", "LinuxSystem", "VGPUDisplay", system,
      ]),
    .testTarget(
      name: "KMSPresenterTests",
      dependencies: [
        "DMABuf", "EGLPresenter", "GuestInput", "KMSPresenter", "LinuxSystem", "TestPatterns",
        "TestSupport",
        "VGPUDisplay",
      ]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .target(name: "PNGFile", dependencies: [png, "VGPUDisplay", system]),

    // The bridge: frames across a socket, for those who may not have the device.
    .target(
      name: "BridgeProtocol", dependencies: ["HostDevices", "SafeText"]),
    .target(
      name: "BridgeClient",
      dependencies: [
        "BridgeProtocol", "CLinux", "DMABuf", "ErrorKinds", "LinuxSystem", "VFIO", "VGPUDisplay",
        system,
      ]),

    // From what a user names to its frames and all else that it offers.
    .target(
      name: "Attachment",
      dependencies: [
        "BridgeClient", "BridgeProtocol", "CLinux", "CProcess", "ErrorKinds", "HostDevices",
        "Libvirt", "LinuxSystem", "QEMUArguments", "VFIO", "VGPUDisplay", system,
      ]),
    .target(
      name: "Guests",
      dependencies: [
        "Attachment", "BootScreen", "BridgeClient", "BridgeProtocol", "CLinux", "ErrorKinds",
        "GuestAgent", "GuestControl", "GuestInput", "GuestSession", "GuestSound", "HostDevices",
        "JSONText", "Libvirt", "LinuxSystem", "MonitorEDID", "PersistentDevices", "QEMU",
        library("QEMUDisplay", "GIO"), "QMP", "SafeText", "VFIO", "VGPUDisplay", system,
      ]),
    .testTarget(
      name: "GuestsTests",
      dependencies: [
        "Attachment", "BridgeClient", "BridgeProtocol", "BridgeServer", "GuestAgent",
        "GuestControl", "GuestSession", "Guests", "HostDevices", "Libvirt", "LinuxSystem",
        "MonitorEDID", "TestPatterns", "TestSupport", "VFIO", "VGPUDisplay",
        .product(name: "Logging", package: "swift-log"), system,
      ]),
    .target(
      name: "BridgeServer",
      dependencies: [
        "Attachment", "BridgeProtocol", "CLinux", "CProcess", "DMABuf", "ErrorKinds", "Guests",
        "HostDevices", "LinuxSystem", "MonitorEDID", "VFIO", "VGPUDisplay",
        .product(name: "Logging", package: "swift-log"), system,
      ]),
    .testTarget(
      name: "BridgeTests",
      dependencies: [
        "BridgeClient", "BridgeProtocol", "BridgeServer", "CAllocationCount", "CLinux", "DMABuf",
        "HostDevices", "LinuxSystem", "PNGFile", "QMP", "TestPatterns", "TestSupport", "VFIO",
        "VGPUDisplay", "vgpu",
        .product(name: "Logging", package: "swift-log"), system,
      ]),

    // The viewer.
    .systemLibrary(
      name: "CWayland", pkgConfig: "wayland-client", providers: [.apt(["libwayland-dev"])]),
    .target(name: "CWaylandProtocols", dependencies: [wayland]),
    .systemLibrary(
      name: "CX11", pkgConfig: "xcb-present",
      providers: [.apt(["libx11-xcb-dev", "libxcb-present-dev"])]),
    .systemLibrary(name: "CGTK3", pkgConfig: "gtk+-3.0", providers: [.apt(["libgtk-3-dev"])]),
    .target(
      name: "ViewerGTK",
      dependencies: [
        gtk, "CLinux", wayland, "CWaylandProtocols", x11, "DMABuf", "EGLPresenter",
        "FramePacing", "FrameStatistics", "GuestAgent", "GuestInput", "LinuxSystem", "PNGFile",
        "SafeText",
        "VGPUDisplay", system,
      ]),
    .executableTarget(
      name: "ViewerFixture",
      dependencies: [
        gtk, "DMABuf", "EGLPresenter", "FrameStatistics", "GuestAgent", "GuestControl",
        "GuestInput",
        "LinuxSystem", library("QEMUDisplay", "GIO"), "TestPatterns", "VFIO", "VGPUDisplay",
        "ViewerGTK",
      ],
      path: "Tests/ViewerFixture"),
    .testTarget(
      name: "ViewerGTKTests",
      dependencies: [
        "VGPUExportsGTK3", "CGTK3", "DMABuf", "EGLPresenter", "FrameStatistics", "GuestInput",
        "LinuxSystem",
        "PNGFile", "QMP", "TestPatterns", "TestSupport", "VGPUDisplay", "ViewerFixture",
        "ViewerGTK", "vgpu",
      ],
      exclude: ["Programs"]),

    // The same for C: vgpu.h and vgpu-gtk3.h.
    .systemLibrary(name: "CVGPU"),
    .target(
      name: "VGPUExports",
      dependencies: [
        "Attachment", "CLinux", "CVGPU", "DMABuf", "ErrorKinds", "Guests", "HostDevices",
        "LinuxSystem", "MonitorEDID", "SafeText", "VFIO", "VGPUDisplay", system,
      ]),
    .target(
      name: "VGPUManagerExports",
      dependencies: [
        "Attachment", "CLinux", "CVGPU", "GuestAgent", "GuestControl", "GuestInput", "GuestSession",
        "GuestSound", "Guests", "HostCheck", "HostCheckEGL", "HostDevices", "Hotplug",
        "LinuxSystem",
        "PersistentDevices",
        "QEMU", "QMP", "VGPUDisplay", "VGPUExports",
      ]),
    .testTarget(
      name: "VGPUExportsTests",
      dependencies: [
        "VGPUExports", "VGPUManagerExports", "CVGPU", "LinuxSystem", "MonitorEDID", "QMP",
        "TestPatterns", "TestSupport", "VGPUDisplay", "save-frame", "vgpu",
      ],
      exclude: ["Programs"]),
    .target(name: "CViewGTK3", dependencies: [gtk, "CLinux", "CVGPU"]),
    .target(
      name: "VGPUExportsGTK3",
      dependencies: [
        "Attachment", gtk, "CLinux", "CVGPU", "CViewGTK3", "DMABuf", "EGLPresenter",
        "GuestControl", "GuestInput", "Guests", "HostDevices", "LinuxSystem", "SafeText", "VFIO",
        "VGPUDisplay",
        "VGPUExports", "ViewerGTK", system,
      ]),

    // The command line, and its manual.
    .executableTarget(
      name: "vgpu",
      dependencies: [
        "Attachment", "BootScreen", "BridgeClient", "BridgeProtocol", "BridgeServer", "CLinux",
        "MonitorEDID", "EGLPresenter", "ErrorKinds", "FrameStatistics",
        "GuestAgent", "GuestControl", "GuestInput", "GuestSession", "GuestSound", "Guests",
        "HostChanges", "HostCheck", "HostCheckEGL", "HostDevices", "Hotplug", "JSONText",
        "KMSPresenter", "Libvirt", "LinuxSystem", "PersistentDevices", "PNGFile", "SafeText",
        "QEMU", "QMP", "VFIO",
        "VGPUDisplay", "ViewerGTK", argumentParser, .product(name: "Logging", package: "swift-log"),
        system,
      ]),
    .executableTarget(
      name: "vgpu-helper",
      dependencies: [
        "CProcess", "ErrorKinds", "HostChanges", "SafeText", system,
      ]),
    .executableTarget(name: "vgpu-manual"),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Attachment", "BridgeClient", "ErrorKinds", "HostDevices", "LinuxSystem",
        "PersistentDevices", "TestSupport", "VFIO", "vgpu", argumentParser, system,
      ]),
    .testTarget(
      name: "InstallTests", dependencies: ["VGPUExports", "VGPUExportsGTK3", "TestSupport"]),

    // Examples.
    .executableTarget(
      name: "save-frame", dependencies: ["Attachment", "VGPUDisplay"], path: "Examples/SaveFrame"),
    .executableTarget(
      name: "open-device", dependencies: ["CLinux", "LinuxSystem", "VFIO"],
      path: "Examples/OpenDevice"),
    .executableTarget(
      name: "two-guests",
      dependencies: [
        "Attachment", gtk, x11, "EGLPresenter", "GuestSession", "HostDevices", "QEMU",
        "ViewerGTK",
      ],
      path: "Examples/TwoGuests"),

    // What tests and benchmarks share; the rig and its guest that needs no CPU; a frame's way for an instruction counter.
    .target(name: "CABIFacts", dependencies: ["CLinux"], path: "Tests/CABIFacts"),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .target(
      name: "TestSupport",
      dependencies: ["LinuxSystem", "QMP", "TestPatterns", "VGPUDisplay", system],
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
        "Attachment", "BridgeClient", "BridgeProtocol", "CAllocationCount", "VGPUExports",
        "VGPUManagerExports", "CLinux", drm, zlib, "EGLPresenter",
        "FramePacing", "KMSPresenter",
        "CVGPU", "DMABuf", "MonitorEDID",
        "GuestControl", "GuestInput", "HostDevices", "Libvirt", "LinuxSystem", "PNGFile", "QEMU",
        "QMP", "TestPatterns", "TestSupport", "VFIO", "VGPUDisplay", "open-device", "two-guests",
        system,
      ],
      exclude: ["Programs"]),
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
