// SPDX-License-Identifier: Apache-2.0

import Testing
import VGPUDisplay

/// The one table that buffers are known by.
struct RecencyTableTests {
  private func table(_ keys: Int...) -> RecencyTable<Int, String> {
    var table = RecencyTable<Int, String>(capacity: 3)
    for key in keys { table.insert("\(key)", for: key) }
    return table
  }

  private func keys(_ table: RecencyTable<Int, String>) -> [Int] {
    table.indices.map { table.key(at: $0) }
  }

  /// Uses a key; outside of `#expect`, which cannot change a table.
  private func use(_ key: Int, _ table: inout RecencyTable<Int, String>) -> Int? { table.use(key) }

  @Test func aValueIsFoundByItsKey() {
    var table = table(7, 8)
    #expect(use(7, &table) == 0)
    #expect(table.entries[0].value == "7")
    #expect(use(9, &table) == nil)
    #expect(table.contains(8) && !table.contains(9))
    table.entries[0].value = "seven"
    #expect(table.entries[0].value == "seven")
  }

  @Test func theLongestUnusedValueMakesRoom() {
    var table = table(1, 2, 3)
    #expect(table.isFull)
    _ = table.use(1)
    table.insert("4", for: 4)
    #expect(keys(table) == [1, 3, 4])
    // Asked for twice in a row it is used once, and still newer than the others.
    _ = table.use(3)
    _ = table.use(3)
    table.insert("5", for: 5)
    #expect(keys(table) == [3, 4, 5])
  }

  @Test func whatWasUsedLastIsFoundWhereItIsAfterARemoval() {
    var table = table(1, 2, 3)
    #expect(use(3, &table) == 2)
    table.remove(at: 0)
    #expect(use(3, &table) == 1)
    #expect(table.longestUnused == 0)
    table.removeAll { key, value in key == 2 && value == "2" }
    #expect(keys(table) == [3])
    table.removeAll()
    #expect(table.count == 0 && table.longestUnused == nil)
    #expect(use(3, &table) == nil)
  }

  /// The place of the newest value is another's after a removal, whichever value was removed.
  @Test func aUseAfterARemovalCounts() {
    var table = table(1, 2, 3)
    table.remove(at: 2)
    #expect(use(1, &table) == 0)
    #expect(table.longestUnused == 1)
    table = self.table(1, 2, 3)
    _ = table.use(2)
    table.remove(at: 0)
    #expect(use(3, &table) == 1)
    #expect(table.longestUnused == 0)
  }
}
