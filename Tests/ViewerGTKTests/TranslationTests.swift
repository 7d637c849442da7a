// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ViewerGTK

/// Values in translated texts.
@Suite struct TranslationTests {
  /// Whatever a translation says, no value is lost, and nothing is read that is not there.
  @Test(arguments: [
    ("%1$s of %2$s", "%2$s – %1$s", "b – a"), ("Saved %1$s", "%1$s, %1$s", "a, a"),
    // Places that are missing, or too many.
    ("Saved %1$s", "gespeichert", "Saved a"), ("Saved %1$s", "", "Saved a"),
    ("Saved %1$s", "%1$s %2$s", "Saved a"), ("%1$s of %2$s", "%1$s von %1$s", "a of b"),
    // Places of no value.
    ("Saved %1$s", "%0$s", "Saved a"), ("Saved %1$s", "%3$s", "Saved a"),
    ("Saved %1$s", "%99999999999999999999$s", "Saved a"), ("Saved", "%7$s", "Saved"),
    ("%3$s", "%3$s", "%3$s"),
    // No places at all.
    ("Saved %1$s", "%s%n%1$n%1$d%*1$s", "Saved a"), ("Saved", "%s%n%1$n%", "%s%n%1$n%"),
    ("%1$s %", "%1$s%", "a%"), ("%1$s", "%%1$s%", "%a%"), ("%1$s", "%%%1$s$s", "%%a$s"),
    ("%1$s", "%1$%1$s", "%1$a"), ("%1$s", "%1$s\u{301}", "a\u{301}"), ("%", "%1", "%1"),
    ("%1$s", "%١$s", "a"),
  ])
  func valuesAreInTheirPlaces(text: String, translation: String, wanted: String) {
    let filled = TextTemplate(translation).filled(["a", "b"], orAs: TextTemplate(text))
    #expect(filled == wanted)
  }

  /// A value is no text with places.
  @Test func valuesAreNotReadAgain() {
    #expect(translated("%1$s: %2$s", "%2$s%n", "%1$s") == "%2$s%n: %1$s")
  }

  @Test(arguments: [(-1, "files"), (0, "files"), (1, "file"), (2, "files"), (.max, "files")])
  func numbersHaveForms(count: Int, wanted: String) {
    #expect(
      translated(one: "%1$s file", many: "%1$s files", count: count, "x") == "x \(wanted)")
  }

  @Test func cataloguesAreBesideTheProgram() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("prefix-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let locale = folder.appendingPathComponent("share/locale")
    try FileManager.default.createDirectory(at: locale, withIntermediateDirectories: true)
    for file in ["bin/vgpu", "lib/libvgpu-gtk3.so.0", "lib/x86_64-linux-gnu/libvgpu-gtk3.so.0"] {
      let path = folder.appendingPathComponent(file).path
      #expect(Translation.folder(besides: path) == locale.path, "\(file)")
    }
    // Beside a program that lies anywhere, the folder might be anybody's.
    for path in [
      "\(folder.path)/vgpu", "\(folder.path)/x/vgpu", "\(folder.path)/a/b/vgpu",
      "\(folder.path)/bin/x/vgpu", "\(folder.path)/a/b/c/vgpu", "/vgpu-nowhere/vgpu", "/vgpu", "",
      "vgpu",
    ] {
      #expect(Translation.folder(besides: path) == nil, "\(path)")
    }
  }
}

/// The command and the fixture below a prefix of a test's own, with the translations that `Scripts/install`
/// puts there, in a language's own locale.
private final class InstalledPrograms {
  let folder: URL
  private let language: String

  /// Has them used, and removes them.
  ///
  /// - Parameter language: such as `de_DE`.
  static func use(in language: String, _ body: (InstalledPrograms) throws -> Void) throws {
    let programs = try InstalledPrograms(language)
    // Not by a deinit, which might come before the last use of the files.
    defer { try? FileManager.default.removeItem(at: programs.folder) }
    try body(programs)
  }

  private init(_ language: String) throws {
    self.language = language
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("installed-\(UUID().uuidString)")
    let files = FileManager.default
    try files.createDirectory(
      at: folder.appendingPathComponent("locales"), withIntermediateDirectories: true)
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Scripts/install").path
    try run(
      script, "--prefix", folder.path, "--components", "command", "--binary",
      Screen.program("vgpu"))
    try files.copyItem(
      atPath: Screen.program("ViewerFixture"), toPath: path(of: "ViewerFixture"))
    // Of Debian's locales no test can rely on any but C.UTF-8, in which gettext translates nothing.
    try run(
      "localedef", "--no-archive", "-i", language, "-f", "UTF-8",
      "\(folder.path)/locales/\(language).UTF-8")
  }

  func run(_ words: String...) throws {
    let (code, text) = try Program.run(words)
    try #require(code == 0, "\(words): \(text)")
  }

  func path(of program: String) -> String { "\(folder.path)/bin/\(program)" }

  /// A catalogue's path.
  func catalogue(_ language: String) -> String {
    "\(folder.path)/share/locale/\(language)/LC_MESSAGES/vgpu.mo"
  }

  var environment: [String: String?] {
    [
      "LOCPATH": "\(folder.path)/locales", "LC_ALL": "\(language).UTF-8", "LANGUAGE": nil,
      "XDG_STATE_HOME": folder.path,
    ]
  }

  func start(_ program: String, _ arguments: String...) throws -> Accessible {
    let accessible = try Accessible(path(of: program), arguments) { [environment] _ in environment }
    // X gives the keyboard to the window below the pointer.
    try accessible.screen.xdotool("mousemove", "300", "200")
    return accessible
  }
}

extension WindowTests {
  /// The window and the list in other languages, and from right to left.
  @Suite(
    .needs("dbus-daemon", "python3", "msgfmt", "localedef"), Accessible.needs,
    .timeLimit(.minutes(15)), .onOwnThread)
  struct LanguageTests {
    /// What a language says.
    struct Language: Sendable {
      let locale: String
      let buttons: Set<String>
      let rows: [String]
      let actions: Set<String>
      let marks: [String]
      let items: Set<String>
      let shortcuts: Set<String>
      let counts: [String]
    }

    static let languages = [
      Language(
        locale: "de_DE",
        buttons: [
          "Aktualisieren", "Suchen", "debian-desktop öffnen", "windows-11 starten",
          "Aktionen für headless",
        ],
        rows: ["debian-desktop, Läuft", "headless, Läuft", "windows-11, Ausgeschaltet"],
        actions: ["Öffnen", "Starten", "Ziel kopieren"],
        marks: [
          "Vollbild", "Statistik", "An Fenster anpassen", "Ganzzahlige Vielfache", "Eins zu eins",
          "Fenster ausfüllen",
        ],
        items: [
          "Strg+Alt+Entf senden", "Tastatur und Maus einfangen", "Bildschirmfoto speichern",
          "Tastenkürzel", "Info zu swift-vgpu",
        ],
        shortcuts: ["Menü öffnen", "Tastatur und Maus einfangen und wieder freigeben"],
        counts: ["1 Gast", "2 Gäste"]),
      Language(
        locale: "ja_JP",
        buttons: [
          "再読み込み", "検索", "debian-desktop を開く", "windows-11 を起動", "headless の操作",
        ],
        rows: ["debian-desktop, 実行中", "headless, 実行中", "windows-11, 停止中"],
        actions: ["開く", "起動", "ターゲットをコピー"],
        marks: ["全画面表示", "統計情報", "ウィンドウに合わせる", "整数倍", "等倍", "ウィンドウ全体に表示"],
        items: [
          "Ctrl+Alt+Del を送信", "キーボードとマウスをキャプチャ", "スクリーンショットを保存",
          "キーボードショートカット", "swift-vgpu について",
        ],
        shortcuts: ["メニューを開く", "キーボードとマウスのキャプチャと解放"],
        counts: ["ゲスト 1 台", "ゲスト 2 台"]),
    ]

    @Test(arguments: languages)
    func theListIsTranslated(language: Language) throws {
      try InstalledPrograms.use(in: language.locale) { programs in
        let list = try GuestList(programs.path(of: "vgpu"), environment: programs.environment)
        try list.waitForRows()
        try list.type("libvirt")
        try list.wait { try list.names("list item") == language.rows }
        try list.wait { try Set(list.names("push button")).isSuperset(of: language.buttons) }
        try list.key("Down")
        try list.key("Menu")
        try list.wait { try Set(list.names("menu item")).isSuperset(of: language.actions) }
        list.list.program.terminate()
        #expect(try list.list.program.finish().status == 0)
        // What is counted has the language's forms.
        for (index, wanted) in language.counts.enumerated() {
          let list = try programs.start("ViewerFixture", "list=\(index + 1)")
          try list.wait { try list.names("label").contains(wanted) }
        }
      }
    }

    @Test(arguments: languages)
    func theWindowIsTranslated(language: Language) throws {
      try InstalledPrograms.use(in: language.locale) { programs in
        let statistics = programs.folder.appendingPathComponent("statistics.json")
        let window = try programs.start("vgpu", "view", "demo", "--stats", statistics.path)
        try window.wait { try !window.screen.windows(titled: "swift-vgpu").isEmpty }
        #expect(try window.menu().map { $0[1] } == language.marks)
        #expect(try Set(window.names("menu item")).isSuperset(of: language.items))
        let shortcuts = try #require(
          window.names("menu item").first { ["Tastenkürzel", "キーボードショートカット"].contains($0) })
        try window.press(shortcuts)
        try window.wait { try Set(window.names("label")).isSuperset(of: language.shortcuts) }
        window.program.terminate()
        #expect(try window.program.finish().status == 0)
        // A language's decimal comma is in no number for programs.
        let report = try #require(
          JSONSerialization.jsonObject(with: Data(contentsOf: statistics)) as? [String: Any])
        #expect(!report.isEmpty)
      }
    }

    /// A question is written before GTK starts.
    @Test func aQuestionIsTranslated() throws {
      try InstalledPrograms.use(in: "de_DE") { programs in
        let window = try programs.start("ViewerFixture", "question")
        try window.wait { try !window.screen.windows(titled: "swift-vgpu").isEmpty }
        window.program.interrupt()
        try window.wait { try window.names("label").contains("Der Gast läuft.") }
        #expect(
          try Set(window.names("push button")).isSuperset(of: ["Abbrechen", "Sofort beenden"]))
      }
    }

    /// A translation is data of somebody else.
    @Test func aBrokenCatalogueDoesNoHarm() throws {
      try InstalledPrograms.use(in: "de_DE") { programs in
        let texts = #"""
          msgid ""
          msgstr "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n*7%5;\n"
          msgid "%1$s guest"
          msgid_plural "%1$s guests"
          msgstr[0] "%s%n%n%n"
          msgstr[1] "%2$s%99999999999999999999$s"
          msgid "Open %1$s"
          msgstr "%n%1$n%s"
          msgid "Start %1$s"
          msgstr "%1$s %1$s % %%"
          """#
        let file = programs.folder.appendingPathComponent("broken.po")
        try texts.write(to: file, atomically: true, encoding: .utf8)
        try programs.run("msgfmt", "-o", programs.catalogue("de"), file.path)
        let list = try programs.start("ViewerFixture", "list=2")
        try list.wait { try list.names("label").contains("2 guests") }
        let buttons = try list.names("push button")
        #expect(buttons.contains("Open guest 0") && buttons.contains("guest 1 guest 1 % %%"))
        list.program.terminate()
        #expect(try list.program.finish().status == 0)

        try Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37) })
          .write(to: URL(fileURLWithPath: programs.catalogue("de")))
        let other = try programs.start("ViewerFixture", "list=1")
        try other.wait { try other.names("label").contains("1 guest") }
      }
    }

    /// A row begins at the right, and its menu opens on the screen.
    @Test(arguments: [false, true])
    func aListHasADirection(isMirrored: Bool) throws {
      let list = try Accessible("ViewerFixture", ["list=2"] + (isMirrored ? ["rtl"] : []))
      try list.wait { try list.names("list item").count == 2 }
      func expectOrder(_ first: (String, String), _ second: (String, String)) throws {
        let one = try #require(try list.place(of: first.1, role: first.0))
        let other = try #require(try list.place(of: second.1, role: second.0))
        let isBefore = one.x + one.width <= other.x
        let isAfter = other.x + other.width <= one.x
        #expect(isMirrored ? isAfter : isBefore, "\(first): \(one), \(second): \(other)")
      }
      try expectOrder(("label", "guest 0"), ("push button", "Start guest 0"))
      try expectOrder(("push button", "Start guest 0"), ("push button", "Actions for guest 0"))
      try expectOrder(("push button", "Open guest 0"), ("push button", "Search"))
      try list.press("Actions for guest 1")
      try list.wait { try list.names("menu item") == ["Open", "Start", "Copy the target"] }
      let item = try #require(try list.place(of: "Open", role: "menu item"))
      #expect(item.x >= 0 && item.x + item.width <= 1000, "\(item)")
      let button = try #require(try list.place(of: "Actions for guest 1", role: "push button"))
      // It lies below its button, with one edge at the button's.
      #expect(
        isMirrored
          ? abs(item.x - button.x) < 12
          : abs(item.x + item.width - button.x - button.width) < 12, "\(item), \(button)")
      try list.press("Start")
      #expect(list.program.firstLine() == "start=1")
    }

    /// The bar is mirrored, and the guest's picture is not.
    @Test func aWindowFromRightToLeft() throws {
      let window = try Accessible("ViewerFixture", ["rtl", "input=absolute"])
      try window.wait { try !window.screen.windows(titled: "swift-vgpu").isEmpty }
      try window.screen.xdotool("mousemove", "300", "200")
      try window.wait {
        try window.screen.picture().flatMap { FixturePicture(hasCursor: false).place(in: $0) }
          != nil
      }
      let button = try #require(try window.place(of: nil, role: "toggle button"))
      #expect(button.x < 200, "\(button)")
      let marks = try window.menu()
      #expect(marks.count == 6)
      for mark in marks {
        let line = try #require(try window.place(of: mark[1], role: mark[0]))
        #expect(line.x >= 0 && line.x + line.width <= 1000, "\(mark[1]): \(line)")
      }
    }
  }
}
