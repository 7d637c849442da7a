// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import GuestSession
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import Guests

/// What is remembered of guests, in a file that anybody may have written.
@Suite final class GuestSettingsTests {
  private let folder: String
  private let file: GuestSettingsFile

  init() throws {
    folder = "\(NSTemporaryDirectory())/settings-\(UUID().uuidString)"
    file = GuestSettingsFile(in: .at(state: "\(folder)/state", sockets: "\(folder)/sockets"))
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func put(_ text: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(folder)/state", withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try Data(text.utf8).write(to: URL(fileURLWithPath: file.path))
  }

  private var text: String { get throws { try String(contentsOfFile: file.path, encoding: .utf8) } }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: "\(folder)/state").sorted() }
  }

  @Test func choicesAreRemembered() throws {
    #expect(try file.settings(of: "demo") == GuestSettings())
    // Nothing is made for a question.
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/state"))
    try file.change("demo") { $0.clipboard = "off" }
    try file.change("libvirt:win11") { $0.clipboard = "to-guest" }
    #expect(try file.settings(of: "demo").clipboard == "off")
    #expect(try file.settings(of: "libvirt:win11").clipboard == "to-guest")
    #expect(try file.settings(of: "libvirt:win10").clipboard == nil)
    #expect(
      try text == """
        {
          "guests" : [
            {
              "clipboard" : "off",
              "guest" : "demo"
            },
            {
              "clipboard" : "to-guest",
              "guest" : "libvirt:win11"
            }
          ]
        }

        """)
    // One choice keeps the others.
    try file.change("libvirt:win11") { ($0.scale, $0.sound) = ("1:1", "off") }
    let windows = try file.settings(of: "libvirt:win11")
    #expect(
      windows.clipboard == "to-guest" && windows.scale == "1:1" && windows.sound == "off")
    try file.change("demo") { $0.clipboard = nil }
    #expect(try !text.contains("demo"))
    #expect(try names == ["guests.json", "guests.json.lock"])
    let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  /// Keys and words of a later version.
  @Test func whatANewerVersionWroteDoesNoHarm() throws {
    try put(
      #"{"new": 1, "guests": [{"guest": "demo", "clipboard": "sometimes", "size": "fit"}]}"#)
    #expect(try file.settings(of: "demo").clipboard == "sometimes")
  }

  @Test func theOldestGuestGoesWhenThereAreTooMany() throws {
    for number in 0...GuestSettingsFile.mostGuests {
      try file.change("name:\(number)") { $0.clipboard = "off" }
    }
    #expect(try file.settings(of: "name:0").clipboard == nil)
    #expect(try file.settings(of: "name:1").clipboard == "off")
    try file.change("name:1") { $0.clipboard = "both" }
    try file.change("name:new") { $0.clipboard = "off" }
    #expect(try file.settings(of: "name:1").clipboard == "both")
    #expect(try file.settings(of: "name:2").clipboard == nil)
  }

  @Test func aNameOfAnyKindIsAName() throws {
    for name in ["", "a\"b\\c", "\u{202E}\u{0}\n", "🙂", "{}", "../../x"] {
      try file.change(name) { $0.clipboard = "off" }
      #expect(try file.settings(of: name).clipboard == "off")
    }
    #expect(try text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && $0 != "\u{202E}" })
    #expect(throws: GuestSettingsError.self) {
      try file.change(String(repeating: "a", count: 4096)) { $0.clipboard = "off" }
    }
  }

  @Test(arguments: [
    "", "garbage", "[]", "{}", #"{"guests": 7}"#, #"{"guests": [{"clipboard": "off"}]}"#,
    #"{"guests": [{"guest": "demo", "clipboard": 7}]}"#,
    String(repeating: #"{"guests": ["#, count: 50_000), String(repeating: " ", count: 2 << 20),
  ])
  func aFileOfSomethingElseIsToldAndKept(content: String) throws {
    try put(content)
    let error = #expect(throws: GuestSettingsError.self) { try file.settings(of: "demo") }
    let line = try #require(error?.description)
    #expect(line.hasPrefix("\(file.path): ") && !line.contains("\n") && line.utf8.count < 1000)
    try file.change("demo") { $0.clipboard = "off" }
    #expect(try file.settings(of: "demo").clipboard == "off")
    let old = try Data(contentsOf: URL(fileURLWithPath: "\(file.path).bad"))
    #expect(old == Data(content.utf8))
  }

  /// Opening a pipe would wait for a writer.
  @Test func onlyAPlainFileIsRead() throws {
    try put("")
    try FileManager.default.removeItem(atPath: file.path)
    try #require(mkfifo(file.path, 0o600) == 0)
    #expect(throws: GuestSettingsError.self) { try file.settings(of: "demo") }
    try FileManager.default.removeItem(atPath: file.path)
    try FileManager.default.createDirectory(
      atPath: "\(file.path)/folder", withIntermediateDirectories: true)
    #expect(throws: GuestSettingsError.self) { try file.settings(of: "demo") }
  }

  /// Others' folders are refused, as for sockets and logs.
  @Test func aFolderThatOthersMayWriteToIsRefused() throws {
    try put("{\"guests\": []}")
    chmod("\(folder)/state", 0o777)
    #expect(throws: GuestSettingsError.self) { try file.change("demo") { $0.clipboard = "off" } }
  }

  @Test func changesOfSeveralProgramsAreAllKept() async throws {
    let file = file
    await withTaskGroup { group in
      for number in 0..<20 {
        group.addTask {
          // A program of its own has a lock of its own, and so has each call.
          #expect(throws: Never.self) {
            try file.change("name:\(number)") { $0.clipboard = "off" }
          }
        }
      }
    }
    for number in 0..<20 { #expect(try file.settings(of: "name:\(number)").clipboard == "off") }
    #expect(try names == ["guests.json", "guests.json.lock"])
  }

  @Test func aChangeWaitsForThatOfAnotherProgram() async throws {
    try file.change("demo") { $0.clipboard = "both" }
    let other = open("\(file.path).lock", O_RDWR | O_CLOEXEC)
    try #require(other >= 0 && flock(other, LOCK_EX) == 0)
    var patient = file
    patient.patience = .seconds(60)
    let change = Task.detached { [patient] in try patient.change("demo") { $0.clipboard = "off" } }
    try await Task.sleep(for: .milliseconds(300))
    #expect(try file.settings(of: "demo").clipboard == "both")
    close(other)
    try await change.value
    #expect(try file.settings(of: "demo").clipboard == "off")
  }

  @Test(arguments: [
    ("mdev:11111111-2222-3333-4444-555555555555", "mdev:11111111-2222-3333-4444-555555555555"),
    ("libvirt:system/win11", "libvirt:system/win11"), ("bridge:/b", "bridge:/b"),
    ("qmp:/a/b", "qmp:/a/b"), ("demo", "demo"), ("pid:1", nil),
  ])
  func guestsHaveTheNamesThatPeopleGiveThem(target: String, name: String?) throws {
    #expect(Guest(try #require(Target(target))).settingsName == name)
  }

  @Test func aPathMeansTheSameElsewhere() throws {
    let here = FileManager.default.currentDirectoryPath
    #expect(Guest(.qmp("a")).settingsName == "qmp:\(here)/a")
  }

  @Test(.needs("qemu-system-x86_64")) func aProcessGoesByItsName() throws {
    let named = try TestMachine(sockets: 1, ["-name", "guest=remembered"])
    #expect(Guest(.process(named.pid)).settingsName == "name:remembered")
    let nameless = try TestMachine()
    #expect(Guest(.process(nameless.pid)).settingsName == nil)
  }
}
