// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `Rig/apt-source`: from where a machine's own sources get Debian.
@Suite(.serialized, .onOwnThread) final class AptSourceTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("apt-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("sources.list.d"), withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// This machine's release, of which the script takes the mirror.
  private static let release: String = {
    let text = try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)
    let line = text?.split(separator: "\n").first { $0.hasPrefix("VERSION_CODENAME=") }
    return line.map { String($0.dropFirst("VERSION_CODENAME=".count)) } ?? "stable"
  }()

  private func write(_ text: String, _ name: String) throws {
    try text.replacingOccurrences(of: "RELEASE", with: Self.release)
      .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
  }

  private func source(_ suite: String) throws -> (code: Int32, text: String) {
    try Program.run([
      CLibraries.package.appendingPathComponent("Rig/apt-source").path, suite, folder.path,
    ])
  }

  @Test func mirrorAndKeysStay() throws {
    try write(
      """
      # A mirror of our own.
      Types: deb deb-src
      URIs: mirror+file:/etc/apt/mirrors/debian.list
      Suites: RELEASE RELEASE-updates
      Components: main contrib
      Signed-By:
       -----BEGIN PGP PUBLIC KEY BLOCK-----
       .
       xx
      Check-Valid-Until: no

      Types: deb
      URIs: https://mirror.example/security
      Suites: RELEASE-security
      Components: main
      """, "sources.list.d/debian.sources")
    #expect(
      try source("\(Self.release)-backports").text
        == """
        Types: deb
        URIs: mirror+file:/etc/apt/mirrors/debian.list
        Suites: \(Self.release)-backports
        Components: main
        Signed-By: 
         -----BEGIN PGP PUBLIC KEY BLOCK-----
         .
         xx
        Check-Valid-Until: no

        """)
    #expect(
      try source("\(Self.release)-security").text.contains(
        "\nURIs: https://mirror.example/security\n"))
  }

  @Test func theOlderFormatAndItsOptions() throws {
    try write(
      """
      # deb http://commented.example/debian RELEASE main
      deb-src http://source.example/debian RELEASE main
      deb [arch=amd64,i386 signed-by=/usr/share/keyrings/ours.gpg] http://ours.example/debian RELEASE main # ours
      deb http://later.example/debian RELEASE main
      """, "sources.list")
    #expect(
      try source("trixie").text
        == """
        Types: deb
        URIs: http://ours.example/debian
        Suites: trixie
        Components: main
        Architectures: amd64 i386
        Signed-By: /usr/share/keyrings/ours.gpg

        """)
  }

  /// An entry for the very suite comes before the release's.
  @Test func theSuitesOwnEntryComesFirst() throws {
    try write("deb http://a.example/debian RELEASE main\n", "sources.list")
    try write(
      "Types: deb\nEnabled: no\nURIs: http://off.example/b\nSuites: RELEASE-backports\nComponents: main\n",
      "sources.list.d/a.sources")
    try write("deb http://b.example/b RELEASE-backports contrib\n", "sources.list.d/b.list")
    try write("deb http://c.example/b RELEASE-backports main\n", "sources.list.d/c.list")
    try write("deb http://d.example/b RELEASE-backports main\n", "sources.list.d/0.list.disabled")
    #expect(
      try source("\(Self.release)-backports").text.contains("\nURIs: http://c.example/b\n"))
  }

  /// Security's address is not the release's.
  @Test func whatNothingLeadsToIsSaid() throws {
    try write("deb http://a.example/debian RELEASE main\n", "sources.list")
    let answer = try source("\(Self.release)-security")
    #expect(answer.code == 1)
    #expect(answer.text.contains("-> add \(Self.release)-security"), "\(answer.text)")
    try write("", "sources.list")
    #expect(try source("\(Self.release)-backports").code == 1)
  }
}
