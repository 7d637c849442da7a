// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestSupport
import Testing

@testable import GuestControl

/// Where a QEMU's monitor is, by its command line.
@Suite struct CommandLineTests {
  private func parse(_ arguments: String...) -> QEMUCommandLine {
    QEMUCommandLine(["/usr/bin/qemu-system-x86_64"] + arguments)
  }

  @Test func qmpSockets() {
    #expect(parse("-qmp", "unix:/run/q,server=on,wait=off").sockets == ["/run/q"])
    #expect(parse("--qmp", "unix:/run/q,server,nowait").sockets == ["/run/q"])
    #expect(parse("-qmp-pretty", "unix:q,wait=off,server=on").sockets == ["q"])
    #expect(
      parse("-qmp", "unix:/a,server=on", "-m", "64", "-qmp", "unix:/b,server=on").sockets
        == ["/a", "/b"])
  }

  @Test func characterDevices() {
    #expect(
      parse(
        "-mon", "chardev=m,mode=control", "-chardev",
        "socket,id=m,path=/run/q,server=on,wait=off"
      ).sockets == ["/run/q"])
    #expect(
      parse("-chardev", "socket,path=/run/q,server=on,id=m", "-mon", "m,mode=control").sockets
        == ["/run/q"])
    #expect(
      parse("-chardev", "socket,path=/run/q,server=on,id=m", "-qmp", "chardev:m").sockets
        == ["/run/q"])
    // A monitor for people.
    #expect(
      parse("-chardev", "socket,path=/run/q,server=on,id=m", "-mon", "m,mode=readline").sockets
        == [])
    #expect(parse("-chardev", "stdio,id=m", "-mon", "m,mode=control").sockets == [])
  }

  @Test func commasAreDoubled() {
    #expect(parse("-qmp", "unix:/a,,b,,,server=on").sockets == ["/a,b,"])
    #expect(parse("-qmp", "unix:/a=b,server=on").sockets == [])
    #expect(parse("-qmp", "unix:path=/a=b,server=on").sockets == ["/a=b"])
    // QEMU knows bytes, not characters.
    #expect(parse("-qmp", "unix:path=\u{301}/a,\u{301},server=on").sockets == ["\u{301}/a"])
  }

  @Test func socketsThatNobodyCanConnectTo() {
    #expect(parse("-qmp", "unix:/run/q").sockets == [])
    #expect(parse("-qmp", "unix:/run/q,server=off").sockets == [])
    #expect(parse("-qmp", "unix:/run/q,server=on,noserver").sockets == [])
    #expect(parse("-qmp", "unix:/run/q,server=on,abstract=on").sockets == [])
    #expect(parse("-qmp", "unix:,server=on").sockets == [])
    #expect(parse("-qmp", "tcp:localhost:4444,server=on").sockets == [])
    #expect(parse("-qmp", "stdio").sockets == [])
    #expect(parse("-qmp").sockets == [])
  }

  /// As libvirt 9 starts it.
  @Test func libvirt() {
    let line = parse(
      "-name", "guest=win10,debug-threads=on", "-S", "-object",
      #"{"qom-type":"secret","id":"masterKey0","format":"raw"}"#, "-machine", "pc-q35-7.2",
      "-no-user-config", "-nodefaults", "-chardev",
      "socket,id=charmonitor,fd=27,server=on,wait=off",
      "-mon", "chardev=charmonitor,id=monitor,mode=control", "-rtc", "base=utc", "-no-shutdown")
    #expect(line.sockets == [])
    #expect(line.isOwnedByLibvirt)
    #expect(line.name == "win10")
    // With a socket of its own beside libvirt's, as <qemu:commandline> can give it.
    let shared = parse(
      "-name", "guest=win10", "-chardev", "socket,id=charmonitor,fd=27,server=on,wait=off",
      "-mon", "chardev=charmonitor,id=monitor,mode=control", "-qmp", "unix:/run/q,server=on")
    #expect(shared.sockets == ["/run/q"])
  }

  /// LXD's way (its template `qemuControlSocket`), with lines that QEMU would refuse.
  @Test func configurationFiles() {
    let text = """
      # Qemu control
      [chardev "monitor"]
      backend = "socket"
      path = "/run/lxd/it's a \u{E9}.monitor"
      \u{9}server="on"
       wait = "off"
      one two = "three"
      path = unquoted
      path = "no end
      [mon]
      chardev = "monitor"
      mode = "control"

      [name]
        guest = "box"
      [
      []
      = "x"
      [device "gpu"]
      driver = "vfio-pci"
      """
    func parse(_ arguments: String..., files: [String: String]) -> QEMUCommandLine {
      QEMUCommandLine(["qemu"] + arguments) { files[$0].map { Array($0.utf8) } }
    }
    let line = parse("-S", "-readconfig", "a.conf", "-D", "/log", files: ["a.conf": text])
    #expect(line.sockets == ["/run/lxd/it's a \u{E9}.monitor"])
    #expect(line.name == "box")
    // What stands in a file and what stands beside it are one.
    let halves = parse(
      "-mon", "m,mode=control", "-readconfig", "b", "-qmp", "unix:/run/r,server", "-readconfig",
      "none",
      files: ["b": "[chardev \"m\"]\nbackend=\"socket\"\npath=\"/run/q\"\nserver=\"on\""])
    #expect(halves.sockets == ["/run/q", "/run/r"])
    #expect(parse("-readconfig", files: [:]).sockets == [])
    // One that names itself again and again is read a few times.
    var reads = 0
    let many = Array(repeating: ["-readconfig", "c"], count: 100).joined()
    _ = QEMUCommandLine(["qemu"] + many) { _ in
      reads += 1
      return []
    }
    #expect(reads == QEMUCommandLine.mostFiles)
  }

  @Test func names() {
    #expect(parse("-name", "box").name == "box")
    #expect(parse("-name", "debug-threads=on,guest=a,,b").name == "a,b")
    #expect(parse("-m", "64").name == nil)
  }

  @Test func whateverStandsThereIsRead() {
    var random = SeededGenerator(seed: 9)
    let pieces = [
      "-qmp", "-mon", "-chardev", "-name", "unix:", ",", ",,", "=", "server=on", "path=", "id=m",
      "chardev:m", "mode=control", "\u{301}", "\0", "-", "--", "\u{FFFF}", "socket",
    ]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
        pieces.randomElement(using: &random) ?? ""
      }.joined()
      let arguments = ProcFiles.arguments(in: Array(text.utf8))
      for path in QEMUCommandLine(arguments).sockets { #expect(!path.isEmpty) }
    }
  }
}
