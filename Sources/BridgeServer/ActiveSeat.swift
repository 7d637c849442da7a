// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// The users who sit at this machine: those with an active session on a seat, as logind says
/// (sd_uid_is_on_seat(3)).
///
/// libsystemd is loaded when the first such question is asked, so that a machine without it needs none.
/// It reads logind's files and starts no thread.
final class ActiveSeat: Sendable {
  static let ofMachine = ActiveSeat()

  /// How long an answer is used: a client's messages must not become reads of files.
  private static let freshness: UInt64 = 1_000_000_000
  private static let most = 256

  private typealias GetSeats =
    @convention(c) (UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>)
    -> Int32
  private typealias IsOnSeat = @convention(c) (uid_t, Int32, UnsafePointer<CChar>) -> Int32

  private struct Library: Sendable {
    let getSeats: GetSeats
    let isOnSeat: IsOnSeat
  }

  /// Loaded once, when it is first asked.
  private static let library = load()

  private let answers = Mutex<[UInt32: (isThere: Bool, at: MonotonicInstant)]>([:])

  /// Whether a user sits at this machine now; `false` on a machine without logind.
  func has(_ user: UInt32) -> Bool {
    let now = MonotonicInstant.now
    return answers.withLock { answers in
      if let answer = answers[user], now.elapsed(since: answer.at) < Self.freshness {
        return answer.isThere
      }
      let isThere = Self.library.map { Self.has(user, $0) } ?? false
      if answers.count >= Self.most { answers = [:] }
      answers[user] = (isThere, now)
      return isThere
    }
  }

  private static func load() -> Library? {
    guard let library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL),
      let getSeats = dlsym(library, "sd_get_seats"),
      let isOnSeat = dlsym(library, "sd_uid_is_on_seat")
    else { return nil }
    return Library(
      getSeats: unsafeBitCast(getSeats, to: GetSeats.self),
      isOnSeat: unsafeBitCast(isOnSeat, to: IsOnSeat.self))
  }

  private static func has(_ user: UInt32, _ library: Library) -> Bool {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let count = library.getSeats(&names)
    guard count > 0, let names else { return false }
    defer {
      for index in 0..<Int(count) { free(names[index]) }
      free(names)
    }
    return (0..<Int(count)).contains { index in
      names[index].map { library.isOnSeat(user, 1, $0) > 0 } ?? false
    }
  }
}
