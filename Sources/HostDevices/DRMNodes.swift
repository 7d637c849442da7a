// SPDX-License-Identifier: Apache-2.0

/// The nodes in `/dev/dri` of one GPU, from the folder `drm` of its device.
struct DRMNodes {
  let card: String?
  let render: String?

  /// Reads the names of a `drm` folder, which holds connectors and control nodes as well.
  init(names: [String]) {
    card = Self.first("card", in: names)
    render = Self.first("renderD", in: names)
  }

  private static func first(_ kind: String, in names: [String]) -> String? {
    names.filter { $0.hasPrefix(kind) }.compactMap { decimalNumber($0.dropFirst(kind.count)) }.min()
      .map { "/dev/dri/\(kind)\($0)" }
  }
}
