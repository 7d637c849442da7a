// SPDX-License-Identifier: Apache-2.0

/// Values by key, which remembers when each was used last: few enough that looking at every key is
/// quicker than hashing one. Looking up allocates nothing.
///
/// The keys lie apart from the values, because comparing keys must not retain what values hold.
@usableFromInline
package struct RecencyTable<Key: Equatable, Value> {
  @usableFromInline var keys: [Key] = []
  /// By place: `entries[index].value` neither copies the value, of which a weak reference is dear to
  /// copy, nor needs the allocation that a generic accessor takes when it is not specialised.
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

  /// How many values there are room for without an allocation.
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

  /// Where the value of a key is, which counts as a use; `nil` when there is none.
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

  /// Whether there is a value of a key; that is no use of it.
  @inlinable
  package func contains(_ key: Key) -> Bool { keys.contains(key) }

  /// The key at a place.
  @inlinable
  package func key(at index: Int) -> Key { keys[index] }

  /// The place of the value that was not used for longest.
  @inlinable
  package var longestUnused: Int? {
    entries.indices.min { entries[$0].lastUse < entries[$1].lastUse }
  }

  /// Adds a value under a key that has none, which counts as a use.
  @inlinable
  package mutating func append(_ value: Value, for key: Key) {
    uses += 1
    newest = keys.count
    keys.append(key)
    entries.append(Entry(value: value, lastUse: uses))
  }

  /// Adds a value as `append`; when the table is full, in place of the one that was not used for
  /// longest.
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

  /// Removes the values that `isUnwanted` says so of.
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
