// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `Scripts/install` below a folder of the test's own.
@Suite(.serialized, .onOwnThread) final class InstallTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("install-\(UUID().uuidString)")
  private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// The program that was built with this test.
  private static let binary: String = {
    let places = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
    return places.flatMap { [$0, $0.deletingLastPathComponent()] }
      .map { $0.appendingPathComponent("vgpu").path }
      .first(where: FileManager.default.isExecutableFile(atPath:)) ?? "/no/vgpu"
  }()

  private func run(_ words: [String]) throws -> (code: Int32, text: String) {
    try Program.run(words, environment: ["DESTDIR": folder.path])
  }

  private func install(_ options: String...) throws -> (code: Int32, text: String) {
    try run(
      [Self.package.appendingPathComponent("Scripts/install").path, "--binary", Self.binary]
        + options)
  }

  /// The command's name for desktops.
  private static let id = "io.github.swift_vgpu.vgpu"

  /// Everything below the folder, folders too.
  private var found: [String] {
    (FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []).sorted()
  }

  private func check(_ words: String...) throws {
    let (code, text) = try run(words)
    #expect(code == 0 && text == "", "\(words.joined(separator: " ")): \(text)")
  }

  @Test func everythingIsInItsPlaceAndGoesAgain() throws {
    let before = ["etc", "etc/security", "etc/security/limits.d", "etc/security/limits.d/mine"]
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent(before[2]), withIntermediateDirectories: true)
    try Data().write(to: folder.appendingPathComponent(before[3]))

    let dry = try install("--prefix", "/usr", "--dry-run")
    #expect(dry.code == 0, "\(dry.text)")
    #expect(dry.text.contains("would install \(folder.path)/usr/bin/vgpu\n"))
    #expect(found == before)

    let installed = try install("--prefix", "/usr")
    try #require(installed.code == 0, "\(installed.text)")
    let files = [
      "usr/bin/vgpu", "usr/share/man/man1/vgpu.1", "usr/share/man/man1/vgpu-run.1",
      "usr/share/bash-completion/completions/vgpu", "usr/share/zsh/vendor-completions/_vgpu",
      "usr/share/fish/vendor_completions.d/vgpu.fish", "usr/share/vgpu/schemas/info.json",
      "usr/share/vgpu/schemas/list.json", "usr/share/applications/\(Self.id).desktop",
      "usr/share/icons/hicolor/scalable/apps/\(Self.id).svg",
      "usr/libexec/vgpu-helper", "usr/share/polkit-1/actions/\(Self.id).policy",
      "usr/share/metainfo/\(Self.id).metainfo.xml", "usr/share/locale/de/LC_MESSAGES/vgpu.mo",
      "usr/share/locale/ja/LC_MESSAGES/vgpu.mo", "usr/share/doc/vgpu/docs/host.md",
      "usr/share/doc/vgpu/Sources/HostDevices/HostDevices.docc/GVTgFromZero.md",
      "usr/lib/udev/rules.d/70-vgpu.rules", "usr/lib/sysusers.d/vgpu.conf",
      "usr/lib/sysusers.d/vgpu-bridge.conf", "usr/lib/modprobe.d/vgpu.conf",
      "usr/lib/modules-load.d/vgpu.conf", "usr/lib/sysctl.d/60-vgpu.conf",
      "usr/lib/systemd/system/vgpu@.service", "usr/lib/systemd/system/vgpu-bridge.service",
      "usr/lib/systemd/system/vgpu-bridge.socket", "etc/security/limits.d/vgpu.conf",
    ]
    #expect(Set(files).isSubset(of: found))
    let version = try run(["\(folder.path)/usr/bin/vgpu", "--version"])
    #expect(version.code == 0 && version.text.hasPrefix("0."))

    // Again, over itself: the same, and nothing more.
    let once = found
    #expect(try install("--prefix", "/usr").code == 0)
    #expect(found == once)

    let removed = try install("--prefix", "/usr", "--uninstall")
    #expect(removed.code == 0, "\(removed.text)")
    #expect(found == before)
    let gone = try install("--prefix", "/usr", "--uninstall")
    #expect(gone.code == 1)
    #expect(gone.text.contains("nothing is installed there"))
  }

  @Test func everyFileIsGoodForItsReader() throws {
    let installed = try install("--prefix", "/usr")
    try #require(installed.code == 0, "\(installed.text)")
    let usr = "\(folder.path)/usr"
    let pages = try FileManager.default.contentsOfDirectory(atPath: "\(usr)/share/man/man1")
    #expect(pages.count > 8)
    for page in pages {
      let (code, text) = try run([
        "sh", "-c", "groff -ww -man -Tutf8 '\(usr)/share/man/man1/\(page)' 2>&1 >/dev/null",
      ])
      #expect(code == 0 && text == "", "\(page): \(text)")
    }
    let shown = try run(["man", "-P", "cat", "-l", "\(usr)/share/man/man1/vgpu-run.1"]).text
    for part in ["NAME", "Start a guest in QEMU", "--hugepages", "SEE ALSO"] {
      #expect(shown.contains(part), "\(part)")
    }
    try check("bash", "-n", "\(usr)/share/bash-completion/completions/vgpu")
    try check("zsh", "-n", "\(usr)/share/zsh/vendor-completions/_vgpu")
    try check("fish", "-n", "\(usr)/share/fish/vendor_completions.d/vgpu.fish")
    let zsh = try run(["zsh", "-c", "print -l $fpath"]).text
    #expect(zsh.contains("/usr/share/zsh/vendor-completions\n"))
    let entry = "\(usr)/share/applications/\(Self.id).desktop"
    try check("desktop-file-validate", entry)
    try check("xmllint", "--noout", "\(usr)/share/icons/hicolor/scalable/apps/\(Self.id).svg")
    #expect(try String(contentsOfFile: entry, encoding: .utf8).contains("\nIcon=\(Self.id)\n"))
    let (judgement, problems) = try run([
      "appstreamcli", "validate", "--no-net", "--pedantic",
      "\(usr)/share/metainfo/\(Self.id).metainfo.xml",
    ])
    #expect(judgement == 0 && problems.contains("successful"), "\(problems)")
    // The program's place is the host's, where it is not installed.
    for (unit, command) in [
      ("vgpu@.service", "start %i"),
      ("vgpu-bridge.service", "bridge --allow group:vfio --allow-resize"),
    ] {
      let unit = "\(usr)/lib/systemd/system/\(unit)"
      let text = try String(contentsOfFile: unit, encoding: .utf8)
      #expect(text.contains("ExecStart=/usr/bin/vgpu \(command)\n"))
      try text.replacingOccurrences(of: "/usr/bin/vgpu", with: "\(usr)/bin/vgpu")
        .replacing(/Documentation=man:.*\n/, with: "")
        .write(toFile: unit, atomically: true, encoding: .utf8)
      try check("systemd-analyze", "verify", unit)
    }
    for (list, names) in [("vgpu", ["vfio"]), ("vgpu-bridge", ["vfio", "vgpu-bridge"])] {
      let users = try run([
        "systemd-sysusers", "--dry-run", "--root=\(folder.path)",
        "\(usr)/lib/sysusers.d/\(list).conf",
      ])
      #expect(users.code == 0 && names.allSatisfy { users.text.contains($0) }, "\(users.text)")
    }
  }

  /// A service that systemd starts when somebody connects, as the unit says it; the calls that it
  /// makes are among those that the unit allows.
  @Test func bridgeIsStartedByASocket() throws {
    let socket = folder.appendingPathComponent("bridge.sock").path
    let trace = folder.appendingPathComponent("trace").path
    let log = folder.appendingPathComponent("log").path
    // A traced program on a busy machine may need more than a viewer's patience to start.
    let script = """
      systemd-socket-activate --seqpacket --listen="$1" --setenv=JOURNAL_STREAM=8:1 \
        strace -D -f --output="$2" "$4" bridge demo >"$3" 2>&1 &
      until "$4" screenshot "bridge:$1" /dev/null 2>/dev/null; do
        kill -0 $! || exit 1
        sleep 0.1
      done
      kill $!
      wait $!
      """
    let (code, problem) = try run([
      "bash", "-c", script, "bash", socket, trace, log, Self.binary,
    ])
    #expect(code == 0, "\(problem)")
    let text = try String(contentsOfFile: log, encoding: .utf8)
    #expect(text.contains("<6>serves systemd's socket\n"), "\(text)")

    let unit = try String(
      contentsOf: Self.package.appendingPathComponent("System/vgpu-bridge.service"), encoding: .utf8
    )
    var allowed: Set<String> = []
    for filter in unit.matches(of: /SystemCallFilter=(~?)(.*)/) {
      let names = try filter.2.split(separator: " ").flatMap { try calls(of: String($0), depth: 0) }
      allowed = filter.1.isEmpty ? allowed.union(names) : allowed.subtracting(names)
    }
    let made = try String(contentsOfFile: trace, encoding: .utf8)
      .matches(of: /(?m)^\d+ +([a-z0-9_]+)\(/).map { String($0.1) }
    #expect(made.contains("sendmsg") && made.contains("accept4"))
    let forbidden = Set(made).subtracting(allowed)
    #expect(forbidden.isEmpty, "\(forbidden.sorted())")
  }

  /// What a name of SystemCallFilter= stands for.
  private func calls(of name: String, depth: Int) throws -> [String] {
    guard name.hasPrefix("@"), depth < 8 else { return [name] }
    return try run(["systemd-analyze", "syscall-filter", name]).text.split(separator: "\n")
      .map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty && !$0.hasPrefix("#") && $0 != name }
      .flatMap { try calls(of: $0, depth: depth + 1) }
  }

  @Test func programsInCFindTheLibraries() throws {
    let installed = try install(
      "--prefix", "/usr", "--libraries", try CLibraries.introspectedFolder())
    try #require(installed.code == 0, "\(installed.text)")
    let usr = "\(folder.path)/usr"
    let pkgConfig = [
      "PKG_CONFIG_PATH": "\(usr)/lib/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": folder.path,
      "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
    ]
    let version = try Program.run(["pkg-config", "--modversion", "vgpu"], environment: pkgConfig)
    let tool = try run(["\(usr)/bin/vgpu", "--version"])
    #expect(version.code == 0 && version.text == tool.text)

    let words = try Program.run(
      ["pkg-config", "--cflags", "--libs", "vgpu"], environment: pkgConfig
    )
    .text.split(whereSeparator: \.isWhitespace).map(String.init)
    let program = folder.appendingPathComponent("save-frame").path
    let source = Self.package.appendingPathComponent("Examples/C/save-frame.c").path
    let compiled = try run(["cc", "-std=c99", source] + words + ["-o", program])
    try #require(compiled.code == 0, "\(compiled.text)")
    let saved = try Program.run(
      [program, "demo", "\(program).ppm"], environment: ["LD_LIBRARY_PATH": "\(usr)/lib"])
    #expect(saved.code == 0 && saved.text.hasPrefix("1024x768, XR24"), "\(saved.text)")
    for file in [
      "include/vgpu/vgpu-gtk3.h", "lib/libvgpu-gtk3.so", "lib/pkgconfig/vgpu-gtk3.pc",
      "share/gir-1.0/VgpuGtk-3.0.gir",
    ] {
      #expect(FileManager.default.fileExists(atPath: "\(usr)/\(file)"), "\(file)")
    }
    let link = try FileManager.default.destinationOfSymbolicLink(atPath: "\(usr)/lib/libvgpu.so")
    #expect(link == "libvgpu.so.0")

    // Python finds the class by what is installed alone; without a display it makes none.
    let described = try Program.run(
      [
        "/usr/bin/python3", "-c",
        """
        import gi
        gi.require_version("VgpuGtk", "3.0")
        from gi.repository import VgpuGtk
        print(VgpuGtk.View.find_property("scaling").default_value.value_nick, VgpuGtk.View.open)
        """,
      ],
      environment: [
        "GI_TYPELIB_PATH": "\(usr)/lib/girepository-1.0", "LD_LIBRARY_PATH": "\(usr)/lib",
      ])
    #expect(
      described.code == 0 && described.text.contains("fit gi.FunctionInfo(open)"),
      "\(described.text)")

    #expect(try install("--prefix", "/usr", "--uninstall").code == 0)
    #expect(found.allSatisfy { $0.hasPrefix("save-frame") })
    // What was not made is left out, and said so.
    let bare = folder.appendingPathComponent("bare")
    try FileManager.default.createDirectory(at: bare, withIntermediateDirectories: false)
    for library in ["libvgpu.so.0", "libvgpu-gtk3.so.0"] {
      try FileManager.default.createSymbolicLink(
        atPath: bare.appendingPathComponent(library).path,
        withDestinationPath: "\(try CLibraries.folder())/\(library)")
    }
    let without = try install("--prefix", "/usr", "--libraries", bare.path)
    #expect(without.code == 0 && without.text.contains("without GObject introspection"))
    #expect(!found.contains { $0.contains("VgpuGtk") })
    #expect(try install("--prefix", "/usr", "--uninstall").code == 0)

    let none = try install("--prefix", "/usr", "--libraries", "/no/libraries")
    #expect(none.code == 1 && none.text.contains("/no/libraries/libvgpu.so.0: not there"))
  }

  /// Each component alone, in a multiarch folder; pkg-config finds what is there.
  @Test func componentsByName() throws {
    let libraries = try CLibraries.introspectedFolder()
    let libdir = "lib/x86_64-linux-gnu"
    let headers: Set = [
      "usr/include/vgpu/vgpu.h", "usr/include/vgpu/vgpu-host.h", "usr/include/vgpu/vgpu-guest.h",
      "usr/include/vgpu/vgpu-agent.h", "usr/include/vgpu/vgpu-control.h",
      "usr/include/vgpu/vgpu-sound.h",
    ]
    let library = headers.union([
      "usr/\(libdir)/libvgpu.so", "usr/\(libdir)/libvgpu.so.0",
      "usr/\(libdir)/pkgconfig/vgpu.pc", "usr/share/vgpu/valgrind.supp",
    ])
    let running: Set = ["usr/\(libdir)/libvgpu.so.0"]
    // The widget uses the other library, and its header includes that one's.
    let gtk3 = library.union([
      "usr/\(libdir)/libvgpu-gtk3.so", "usr/\(libdir)/libvgpu-gtk3.so.0",
      "usr/\(libdir)/pkgconfig/vgpu-gtk3.pc", "usr/include/vgpu/vgpu-gtk3.h",
    ])
    let introspection: Set = [
      "usr/\(libdir)/girepository-1.0/VgpuGtk-3.0.typelib", "usr/share/gir-1.0/VgpuGtk-3.0.gir",
    ]
    // Without the other library's headers, which are in another package.
    let widgetForDevelopers: Set = [
      "usr/\(libdir)/libvgpu-gtk3.so", "usr/\(libdir)/pkgconfig/vgpu-gtk3.pc",
      "usr/include/vgpu/vgpu-gtk3.h", "usr/share/gir-1.0/VgpuGtk-3.0.gir",
    ]
    for (components, files) in [
      ("introspection", introspection), ("library", library),
      ("library:runtime", running), ("library:development", library.subtracting(running)),
      ("gtk3:development,introspection:development", widgetForDevelopers), ("gtk3", gtk3),
    ] {
      let installed = try install(
        "--prefix", "/usr", "--libdir", "/usr/\(libdir)", "--components", components,
        "--libraries", libraries)
      try #require(installed.code == 0, "\(installed.text)")
      let isFolder = { (path: String) in
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(
          atPath: "\(self.folder.path)/\(path)", isDirectory: &isFolder) && isFolder.boolValue
      }
      #expect(
        Set(found.filter { !isFolder($0) }) == files.union(["usr/share/vgpu/manifest"]),
        "\(components)")
    }
    let flags = try Program.run(
      ["pkg-config", "--variable=libdir", "vgpu"],
      environment: ["PKG_CONFIG_PATH": "\(folder.path)/usr/\(libdir)/pkgconfig"])
    #expect(flags.text == "/usr/\(libdir)\n")
    #expect(try install("--prefix", "/usr", "--uninstall").code == 0)
    #expect(found.isEmpty)

    let command = try install("--prefix", "/usr", "--components", "command")
    #expect(command.code == 0 && found.contains("usr/bin/vgpu"), "\(command.text)")
    #expect(!found.contains { $0.contains("udev") || $0.hasPrefix("usr/lib/") })
    let system = try install("--prefix", "/usr", "--components", "system")
    #expect(system.code == 0 && !found.contains("usr/bin/vgpu"), "\(system.text)")
    #expect(found.contains("usr/lib/udev/rules.d/70-vgpu.rules"))
    #expect(try install("--prefix", "/usr", "--uninstall").code == 0)
    // A package manager keeps the list of a package's files itself.
    let bridge = try install("--prefix", "/usr", "--components", "system:bridge", "--no-manifest")
    #expect(bridge.code == 0, "\(bridge.text)")
    #expect(
      found.filter { !$0.hasSuffix(".d") && $0.contains(".") }.sorted() == [
        "usr/lib/systemd/system/vgpu-bridge.service", "usr/lib/systemd/system/vgpu-bridge.socket",
        "usr/lib/sysusers.d/vgpu-bridge.conf",
      ])
    try FileManager.default.removeItem(at: folder.appendingPathComponent("usr"))
    // In /opt too when it is named.
    let named = try install("--prefix", "/opt/v", "--components", "system,command", "--no-system")
    #expect(named.code == 0 && !found.contains { $0.contains("udev") }, "\(named.text)")
    #expect(try install("--prefix", "/opt/v", "--uninstall").code == 0)

    for (options, reason) in [
      (["--components", "gtk4"], "no such component"),
      (["--components", "command:runtime"], "no such component"),
      (["--build", "/tmp/x", "--uninstall"], "it only builds"),
      (["--components", ""], "its value is empty"),
      (["--components", "library", "--binary", Self.binary], "the libraries are missing"),
      (["--libdir", "/lib64"], "not below /usr/local"), (["--libdir", "../x"], "not a plain path"),
    ] {
      let wrong = try run(
        [Self.package.appendingPathComponent("Scripts/install").path] + options)
      #expect(wrong.code == 64 && wrong.text.contains(reason), "\(options): \(wrong.text)")
    }
  }

  /// libvgpu is linked where pkg-config knows no GTK, and needs none of it when it runs.
  @Test func libraryNeedsNoGTK() throws {
    let packages = folder.appendingPathComponent("pkgconfig").path
    let script = #"""
      mkdir -p "$1/pkgconfig" && cd "$1/pkgconfig" || exit 1
      for package in epoxy libxxhash gio-2.0 gobject-2.0 glib-2.0 zlib; do
        cp "$(pkg-config --variable=pcfiledir $package)/$package.pc" . || exit 1
      done
      """#
    let copied = try run(["bash", "-c", script, "bash", folder.path])
    try #require(copied.code == 0, "\(copied.text)")
    let link = Self.package.appendingPathComponent("Scripts/link-c-libraries").path
    let linked = folder.appendingPathComponent("linked").path
    let environment = ["PKG_CONFIG_LIBDIR": packages, "PKG_CONFIG_PATH": ""]
    let answer = try Program.run(
      [link, CLibraries.products.path, linked, "libvgpu"], environment: environment)
    try #require(answer.code == 0, "\(answer.text)")
    let needed = try run(["readelf", "-d", "\(linked)/libvgpu.so.0"]).text
      .matches(of: /\(NEEDED\).*\[(.*)\]/).map { String($0.1) }
    #expect(
      Set(needed).isSubset(of: [
        "libgio-2.0.so.0", "libgobject-2.0.so.0", "libglib-2.0.so.0",
        "libm.so.6", "libc.so.6", "libz.so.1", "libstdc++.so.6", "libepoxy.so.0", "libxxhash.so.0",
        "libgcc_s.so.1", "ld-linux-x86-64.so.2", "libdl.so.2", "libpthread.so.0",
      ]), "\(needed)")
    #expect(
      try !FileManager.default.contentsOfDirectory(atPath: linked).contains("libvgpu-gtk3.so"))
    let refused = try Program.run(
      [link, CLibraries.products.path, linked], environment: environment)
    #expect(refused.code == 1 && refused.text.contains("libvgpu-gtk3: needs"), "\(refused.text)")
    let wrong = try run([link, CLibraries.products.path, linked, "libvgpu2"])
    #expect(wrong.code == 64, "\(wrong.text)")
  }

  @Test func elsewhereNothingIsForTheSystem() throws {
    let installed = try install("--prefix", "/opt/vgpu")
    #expect(installed.code == 0, "\(installed.text)")
    #expect(!found.contains { $0.contains("udev") || $0.hasPrefix("etc") })
    #expect(!found.contains { $0.contains("polkit") || $0.contains("libexec") })
    #expect(try install("--prefix", "/opt/vgpu", "--uninstall").code == 0)
    #expect(found.isEmpty)
  }

  @Test func whatIsNotOursStays() throws {
    let bin = folder.appendingPathComponent("usr/bin")
    try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: bin.appendingPathComponent("vgpu"))
    let before = found
    let refused = try install("--prefix", "/usr")
    #expect(refused.code == 1)
    #expect(refused.text.contains("exists, and was not installed by this script"))
    #expect(found == before)
    for options in [["--prefix", "usr"], ["--no-such"], ["--prefix"]] {
      let wrong = try run(
        [Self.package.appendingPathComponent("Scripts/install").path] + options)
      #expect(wrong.code == 64, "\(options): \(wrong.text)")
    }
  }
}
