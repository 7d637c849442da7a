// SPDX-License-Identifier: Apache-2.0

// Writes a program's manual pages, one for each of its commands, of what it says of itself:
//
//   vgpu --experimental-dump-help | vgpu-manual FOLDER

import Foundation

/// Every command that has a page, with its words.
func pages(of command: CommandHelp, below words: [String]) -> [(CommandHelp, [String])] {
  let own = words + [command.commandName]
  return [(command, own)]
    + (command.subcommands ?? []).filter { $0.commandName != "help" }
    .flatMap { pages(of: $0, below: own) }
}

func fail(_ text: String) -> Never {
  FileHandle.standardError.write(Data("vgpu-manual: \(text)\n".utf8))
  exit(1)
}

guard CommandLine.arguments.count == 2 else {
  fail("give a folder: vgpu --experimental-dump-help | vgpu-manual FOLDER")
}
let folder = CommandLine.arguments[1]
do {
  let input = FileHandle.standardInput.readDataToEndOfFile()
  let help = try JSONDecoder().decode(ProgramHelp.self, from: input)
  let all = pages(of: help.command, below: [])
  let titles = all.map { $0.1.joined(separator: "-") }
  for (command, words) in all {
    let page = ManualPage(command: command, words: words, others: titles)
    try Data(page.text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(page.title).1"))
  }
} catch {
  fail("\(folder): \(error); pipe in what `vgpu --experimental-dump-help` prints")
}
