// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The changes of a display, for a program that does not draw at a monitor's rate: a manager that waits
/// for a guest's first picture, a recorder, a test.
///
/// The first update is the present state. Another one comes when the guest shows another buffer, tells a
/// change, moves its pointer, or when a picture comes or goes. A guest that draws into the buffer on its
/// screen, and does not tell, changes nothing here.
///
/// The source is polled by the task that iterates, on that task's actor, and only while the task waits for
/// the next update; so frames never leave that actor. The sequence ends when the task is cancelled.
public struct DisplayUpdates: AsyncSequence {
  /// A display after a change.
  public struct Update {
    /// The picture, or the reason for none.
    public let state: DisplayState
    /// The pixels that may differ from the picture of the update before; `nil` when the source cannot
    /// tell: then all may differ.
    public let damage: Damage?
  }

  private let source: any FrameSource
  private let interval: Duration

  /// - Parameters:
  ///   - source: it belongs to the iterating task meanwhile.
  ///   - interval: the time between two polls of a source that has to be asked. A source that tells
  ///     (`FrameSource.eventDescriptor`) is polled when it tells.
  public init(of source: any FrameSource, every interval: Duration = .milliseconds(16)) {
    self.source = source
    self.interval = interval
  }

  public func makeAsyncIterator() -> Iterator { Iterator(source: source, interval: interval) }

  /// Polls a source until there is an update.
  public struct Iterator: AsyncIteratorProtocol {
    private let source: any FrameSource
    private let interval: Duration
    private var last: Look?

    fileprivate init(source: any FrameSource, interval: Duration) {
      self.source = source
      self.interval = interval
    }

    /// What tells one update from the next.
    private enum Look: Equatable {
      case frame(flip: UInt64, revision: UInt64?, pointer: Pointer?)
      case noPicture(String)

      struct Pointer: Equatable {
        let buffer: UInt64
        let x: Int
        let y: Int
      }

      init(_ state: DisplayState) {
        switch state {
        case .frame(let frame):
          self = .frame(
            flip: frame.flip, revision: frame.revision,
            pointer: frame.cursor.map { Pointer(buffer: $0.buffer.id, x: $0.x, y: $0.y) })
        case .noPicture(let reason): self = .noPicture("\(reason)")
        }
      }
    }

    public mutating func next() async -> Update? {
      await next(isolation: nil)
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async -> Update? {
      while !Task.isCancelled {
        let state = source.poll()
        let look = Look(state)
        if look != last {
          last = look
          return Update(state: state, damage: source.takeDamage())
        }
        if let descriptor = source.eventDescriptor {
          await ReadableDescriptor.wait(for: descriptor)
        } else {
          try? await Task.sleep(for: interval)
        }
      }
      return nil
    }
  }
}
