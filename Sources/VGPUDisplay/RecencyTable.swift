// SPDX-License-Identifier: Apache-2.0

/// A table of values by key that remembers the order of their uses. It is for few values: comparing
/// every key is then quicker than hashing one. A look-up allocates nothing.
///
/// The keys lie apart from the values, because comparing keys must not retain what values hold.
@usableFromInline
package struct RecencyTable<Key: Equatable, Value> {
  @usableFromInline var keys: [Key] = []
  /// Callers reach a value by its place: `entries[index].value` does not copy the value (copying a
  /// weak reference is dear), and needs no allocation, unlike a generic accessor that is not
  /// specialised.
  @usableFromInline package var entries: [Entry] = []
  @usableFromInline var uses: UInt64 = 0
  /// The value that was used last: most look-ups ask for it again, and change nothing.
  @usableFromInline var newest = 0

  @usableFromInline
  package struct Entry {
    @usableFromInline package var value: Value
    @usableFromInline var lastUse: UInt64

    @inlinable
    init(value: Value, lastUse: UInt64) {
      self.value = value
      self.lastUse = lastUse
    }
  }

  /// The number of values that fit without an allocation.
  @usableFromInline package let capacity: Int

  /// An empty table.
  @inlinable
  package init(capacity: Int) {
    self.capacity = capacity
    keys.reserveCapacity(capacity)
    entries.reserveCapacity(capacity)
  }

  @inlinable
  package var count: Int { keys.count }

  /// Whether one more value would take the table beyond its capacity.
  @inlinable
  package var isFull: Bool { keys.count >= capacity }

  /// The places of all values.
  @inlinable
  package var indices: Range<Int> { keys.indices }

  /// The place of a key's value, or `nil`. The call counts as a use.
  @inlinable
  package mutating func use(_ key: Key) -> Int? {
    if newest < keys.count, keys[newest] == key { return newest }
    // A loop, because firstIndex(where:) allocates when it is not specialised.
    for index in keys.indices where keys[index] == key {
      uses += 1
      entries[index].lastUse = uses
      newest = index
      return index
    }
    return nil
  }

  /// Whether a key has a value. The call does not count as a use.
  @inlinable
  package func contains(_ key: Key) -> Bool { keys.contains(key) }

  /// The key at a place.
  @inlinable
  package func key(at index: Int) -> Key { keys[index] }

  /// The place of the least recently used value.
  @inlinable
  package var longestUnused: Int? {
    entries.indices.min { entries[$0].lastUse < entries[$1].lastUse }
  }

  /// Adds a value under a key that has none. The call counts as a use.
  @inlinable
  package mutating func append(_ value: Value, for key: Key) {
    uses += 1
    newest = keys.count
    keys.append(key)
    entries.append(Entry(value: value, lastUse: uses))
  }

  /// Adds a value as `append` does; when the table is full, the value replaces the least recently
  /// used one.
  @inlinable
  package mutating func insert(_ value: Value, for key: Key) {
    if isFull, let longestUnused { remove(at: longestUnused) }
    append(value, for: key)
  }

  /// Removes the value at a place; the places of those behind it change.
  @inlinable
  @discardableResult
  package mutating func remove(at index: Int) -> Value {
    keys.remove(at: index)
    // No place: whichever value is used next, that is a use.
    newest = keys.count
    return entries.remove(at: index).value
  }

  /// Removes the values for which `isUnwanted` returns true.
  @inlinable
  package mutating func removeAll(where isUnwanted: (Key, Value) -> Bool) {
    for index in keys.indices.reversed() where isUnwanted(keys[index], entries[index].value) {
      remove(at: index)
    }
  }

  /// Removes all values and keeps their room.
  @inlinable
  package mutating func removeAll() {
    keys.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
    newest = 0
  }
}
