// SPDX-License-Identifier: Apache-2.0

/// `query-cpus-fast`: the machine's processors, without stopping them.
public struct QueryCPUs: QMPCommand {
  public static let name = "query-cpus-fast"
  public typealias Response = [CPU]

  /// QMP's `CpuInfoFast`.
  public struct CPU: Decodable, Hashable, Sendable {
    /// Its number, from 0.
    public let index: Int
    /// The host's thread that runs it, by its number (gettid(2)).
    public let thread: Int32

    private enum CodingKeys: String, CodingKey {
      case index = "cpu-index"
      case thread = "thread-id"
    }
  }

  /// Makes the command.
  public init() {}
}
