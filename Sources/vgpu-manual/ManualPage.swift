// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The part of `--experimental-dump-help` that a manual needs.
struct ProgramHelp: Decodable {
  let command: CommandHelp
}

/// A command and those below it.
struct CommandHelp: Decodable {
  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String

      /// As it is typed.
      var text: String { kind == "long" ? "--\(name)" : "-\(name)" }
    }
    let kind: String
    let abstract: String?
    let names: [Name]?
    let valueName: String?
    let defaultValue: String?
    let allValues: [String]?
    let sectionTitle: String?
    let isOptional: Bool
    let isRepeating: Bool
    let shouldDisplay: Bool
  }

  let commandName: String
  let abstract: String?
  let discussion: String?
  let arguments: [Argument]?
  let subcommands: [CommandHelp]?
}

/// A command's page in roff, with the macros of man(7).
struct ManualPage {
  let command: CommandHelp
  /// The command's words, such as `vgpu` and `run`.
  let words: [String]
  /// The titles of the other pages.
  let others: [String]

  /// Its title, and its file's name without the section.
  var title: String { words.joined(separator: "-") }

  var text: String {
    var lines = [".TH \"\(title.uppercased())\" 1 \"\" \"vgpu\" \"vgpu\""]
    lines += [".SH NAME", "\(Self.escaped(title)) \\- \(Self.escaped(abstract))"]
    lines += [".SH SYNOPSIS"] + synopsis
    let (description, exitCodes) = Self.parted(command.discussion ?? "")
    if !description.isEmpty { lines += [".SH DESCRIPTION"] + Self.paragraphs(description) }
    var sections: [(title: String, arguments: [CommandHelp.Argument])] = []
    for argument in shown {
      let section =
        argument.sectionTitle ?? (argument.kind == "positional" ? "ARGUMENTS" : "OPTIONS")
      if let index = sections.firstIndex(where: { $0.title == section }) {
        sections[index].arguments.append(argument)
      } else {
        sections.append((section, [argument]))
      }
    }
    for section in sections {
      lines.append(".SH \"\(Self.escaped(section.title))\"")
      var index = 0
      while index < section.arguments.count {
        // A flag and its opposite come one after the other, and say the same.
        let same = section.arguments[index...].prefix {
          $0.kind == "flag" && $0.abstract != nil
            && $0.abstract == section.arguments[index].abstract
        }
        lines += Self.entry(same.isEmpty ? [section.arguments[index]] : Array(same))
        index += max(1, same.count)
      }
    }
    lines += [".SH \"EXIT STATUS\""] + (exitCodes.isEmpty ? [seeTheProgram] : exitCodes)
    if !subcommands.isEmpty {
      lines.append(".SH COMMANDS")
      for command in subcommands {
        lines += [
          ".TP", "\\fB\(Self.escaped(command.commandName))\\fR",
          Self.escaped(command.abstract ?? ""),
        ]
      }
    }
    lines.append(".SH \"SEE ALSO\"")
    let pages = others.filter { $0 != title }.map { "\\fB\(Self.escaped($0))\\fR(1)" }
    lines.append(pages.joined(separator: ", "))
    return lines.joined(separator: "\n") + "\n"
  }

  /// The commands below, less the one that only shows help.
  var subcommands: [CommandHelp] { (command.subcommands ?? []).filter { $0.commandName != "help" } }

  private var shown: [CommandHelp.Argument] { (command.arguments ?? []).filter(\.shouldDisplay) }

  /// Without the full stop, which such lines do not have.
  private var abstract: String {
    let text = command.abstract ?? ""
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  private var synopsis: [String] {
    var line = "\\fB\(Self.escaped(words.joined(separator: " ")))\\fR"
    if shown.contains(where: { $0.kind != "positional" }) { line += " [\\fIoptions\\fR]" }
    for argument in shown where argument.kind == "positional" {
      let name = "\\fI\(Self.escaped(argument.valueName ?? "value"))\\fR"
      let word = argument.isRepeating ? "\(name) ..." : name
      line += argument.isOptional ? " [\(word)]" : " \(word)"
    }
    if !subcommands.isEmpty { line += " \\fIcommand\\fR" }
    return [line]
  }

  /// Arguments of one meaning.
  private static func entry(_ arguments: [CommandHelp.Argument]) -> [String] {
    guard let argument = arguments.first else { return [] }
    let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR"
    let names = arguments.flatMap { $0.names ?? [] }.map { "\\fB\(escaped($0.text))\\fR" }
      .joined(separator: ", ")
    let tag =
      switch argument.kind {
      case "positional": value
      case "option": "\(names) \(value)"
      default: names
      }
    var text = argument.abstract ?? ""
    var notes: [String] = []
    if let values = argument.allValues, !values.isEmpty, argument.kind == "option" {
      notes.append("values: \(values.joined(separator: ", "))")
    }
    let defaults = arguments.compactMap(\.defaultValue)
    if let value = defaults.first { notes.append("default: \(value)") }
    if !notes.isEmpty { text += " (\(notes.joined(separator: "; ")))" }
    return [".TP", tag, escaped(text)]
  }

  private var seeTheProgram: String {
    "\\fB\(Self.escaped(words.first ?? ""))\\fR(1) lists the exit codes."
  }

  /// A text without its list under `Exit codes:`, and the list as tagged paragraphs.
  private static func parted(_ text: String) -> (text: String, exitCodes: [String]) {
    guard let heading = text.range(of: "Exit codes:\n") else { return (text, []) }
    let codes = text[heading.upperBound...].split(separator: "\n").flatMap { line in
      let parts = line.split(separator: " ", maxSplits: 1)
      return [".TP", "\\fB\(parts.first ?? "")\\fR"]
        + parts.dropFirst().map { escaped($0.drop { $0 == " " }.description) }
    }
    return (text[..<heading.lowerBound].trimmingCharacters(in: .newlines), codes)
  }

  /// Indented text, such as an example, keeps its lines.
  private static func paragraphs(_ text: String) -> [String] {
    var lines: [String] = []
    var isExample = false
    var isApart = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      guard !line.isEmpty else {
        isApart = true
        continue
      }
      let isIndented = line.hasPrefix("  ")
      if isIndented != isExample {
        lines += isIndented ? [".PP", ".nf"] : [".fi", ".PP"]
        isExample = isIndented
      } else if isApart {
        lines.append(isExample ? ".sp" : ".PP")
      }
      isApart = false
      lines.append(escaped(String(line)))
    }
    return isExample ? lines + [".fi"] : lines
  }

  /// No line of text is taken for a request, and no character for an escape.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "`": result += "\\(ga"
      default: result.append(character)
      }
    }
    return result.hasPrefix(".") ? "\\&\(result)" : result
  }
}
