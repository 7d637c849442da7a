// SPDX-License-Identifier: Apache-2.0

/// What somebody may have meant who typed a name that does not exist.
enum SpellingMatch {
  /// The names that are like what was typed: but for case, or else beginning or ending with it, or
  /// else the ones that one or two letters make of it.
  static func nearest(to typed: String, in names: [String]) -> [String] {
    let longest = names.map(\.utf8.count).max() ?? 0
    // Longer by three letters, it is like none of them: not compared at all.
    guard !typed.isEmpty, typed.utf8.count < longest + 3 else { return [] }
    let typed = Array(typed.lowercased().utf8)
    let ranked = names.map { (name: $0, rank: rank(Array($0.lowercased().utf8), typed)) }
    let best = ranked.compactMap(\.rank).min()
    return best == nil ? [] : ranked.filter { $0.rank == best }.map(\.name)
  }

  private static func rank(_ name: [UInt8], _ typed: [UInt8]) -> Int? {
    if name == typed { return 0 }
    if name.starts(with: typed) || name.reversed().starts(with: typed.reversed()) { return 1 }
    let distance = distance(name, typed)
    return distance <= 2 ? 1 + distance : nil
  }

  /// How many letters must be put in, left out or changed (Levenshtein).
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for (column, other) in right.enumerated() {
        let change = diagonal + (letter == other ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(change, diagonal + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
