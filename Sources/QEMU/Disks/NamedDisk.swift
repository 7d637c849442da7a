// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A disk as a user names it: which file, of which format, and what else QEMU may open for it.
///
///     disk.img
///     disk.img,format=qcow2
///     top.qcow2,backing=middle.qcow2,backing=base.img
///     top.qcow2,data-file=top.data,backing=base,format=raw
///
/// Each `backing=` names the file beneath the one before it; `format=` and `data-file=` belong to the
/// file before them. A comma in a file's name is doubled, as QEMU has it.
///
/// Where no format is said, a name that ends in `.qcow2` is of a qcow2 image, and any other of a raw
/// one. A header never decides: a guest writes what it likes into its disk, and QEMU would open
/// whatever host file such a header names.
public struct NamedDisk: Hashable, Sendable {
  /// One file, as it is named.
  struct File: Hashable, Sendable {
    let path: String
    var format: DiskImage.Format?
    var dataFile: String?

    init(path: String, format: DiskImage.Format? = nil) {
      self.path = path
      self.format = format
    }

    /// The format that is said, or that the name's end says.
    var effectiveFormat: DiskImage.Format {
      format ?? (path.lowercased().hasSuffix(".qcow2") ? .qcow2 : .raw)
    }
  }

  /// From the top down; never empty.
  private var files: [File]

  /// The file that the guest writes to.
  public var path: String { files[0].path }

  /// An image of a known format that needs no other file.
  init(path: String, format: DiskImage.Format) {
    files = [File(path: path, format: format)]
  }

  /// Reads what a user has typed.
  ///
  /// - Throws: `QEMUError.file` on the part that cannot be understood.
  public init(parsing text: String) throws(QEMUError) {
    let parts = Self.parts(of: text)
    files = [File(path: try Self.name(parts[0], in: text))]
    for part in parts.dropFirst() {
      let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = words.count == 2 ? String(words[1]) : ""
      let last = files.count - 1
      switch words[0] {
      case "format":
        guard let format = DiskImage.Format(rawValue: value) else {
          throw .file(
            part.debugDescription,
            reason: "no format that a guest's disk can have; say format=raw or format=qcow2")
        }
        guard files[last].format == nil else {
          throw .file(part.debugDescription, reason: "a second format of the same file; say one")
        }
        files[last].format = format
      case "data-file":
        guard files[last].dataFile == nil else {
          throw .file(part.debugDescription, reason: "a second data file of an image; name one")
        }
        files[last].dataFile = try Self.name(value, in: part)
      case "backing":
        files.append(File(path: try Self.name(value, in: part)))
      default:
        throw .file(
          part.debugDescription,
          reason: """
            no property of a disk; there are format=, backing= and data-file=, and a comma in a \
            file's name is doubled
            """)
      }
    }
  }

  private static func name(_ name: String, in text: String) throws(QEMUError) -> String {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw .file(text.debugDescription, reason: "names no file; name a disk image")
    }
    return name
  }

  /// What single commas part, with doubled ones made one.
  private static func parts(of text: String) -> [String] {
    var parts = [""]
    var isDoubled = false
    for (character, next) in zip(text, text.dropFirst().map(Optional.some) + [nil]) {
      if isDoubled {
        isDoubled = false
      } else if character != "," {
        parts[parts.count - 1].append(character)
      } else if next == "," {
        parts[parts.count - 1].append(",")
        isDoubled = true
      } else {
        parts.append("")
      }
    }
    return parts
  }

  /// Compares the headers with the user's words, and makes an image.
  ///
  /// To be done anew before each start, because a guest can change what its disk holds. The headers
  /// of qcow2 images are read, and of other files as much as tells whether they begin like an image
  /// of another format than they are taken for. No file is opened that was not named.
  ///
  /// - Throws: `QEMUError.file` on the file that is missing, is not what it is said to be, or names
  ///   another file that was not allowed.
  public func image() throws(QEMUError) -> DiskImage {
    var images: [DiskImage] = []
    for (index, file) in files.enumerated() {
      let beneath = index + 1 < files.count ? files[index + 1].path : nil
      let opened = try ImageFile(file.path)
      switch file.effectiveFormat {
      case .raw:
        guard file.dataFile == nil, beneath == nil else {
          throw .file(
            file.path,
            reason: """
              is raw, and such an image has neither a backing nor a data file; add format=qcow2 \
              behind its name if it is a qcow2 image
              """)
        }
        // A user who says raw knows that a guest may have an image on its disk.
        if file.format == nil { try Self.checkSignature(opened, file.path) }
      case .qcow2:
        let header: QCOW2Header
        do {
          header = try QCOW2Header(opened.beginning(QCOW2Header.limit))
        } catch let error as QEMUError {
          throw error
        } catch {
          throw .file(
            file.path,
            reason: "is no qcow2 image: \(error); add format=raw behind its name if it is raw")
        }
        try Reference.backing.check(header.backing, of: file.path, allowed: beneath)
        try Reference.dataFile.check(header.dataFile, of: file.path, allowed: file.dataFile)
      }
      images.append(
        DiskImage(path: file.path, format: file.effectiveFormat, dataFile: file.dataFile))
    }
    return DiskImage(
      path: images[0].path, format: images[0].format, dataFile: images[0].dataFile,
      backing: Array(images.dropFirst()))
  }

  /// A file that nobody has called raw must not begin like another format.
  private static func checkSignature(
    _ file: borrowing ImageFile, _ path: String
  ) throws(QEMUError) {
    guard let found = ImageSignature.format(of: try file.beginning(ImageSignature.limit)) else {
      return
    }
    let otherwise =
      found == DiskImage.Format.qcow2.rawValue
      ? "or format=qcow2 if you have made it as such an image"
      : "or convert such an image (qemu-img convert -f \(found) -O qcow2 FILE NEW.qcow2)"
    throw .file(
      path,
      reason: """
        begins as \(found), but nothing says that it is, and a guest can have written that into a \
        raw disk; add format=raw behind its name if it is a raw disk, \(otherwise)
        """)
  }
}

/// Another file that an image's header names.
private enum Reference: String {
  case backing = "backing file"
  case dataFile = "data file"

  /// The option that allows it.
  private var option: String { self == .backing ? "backing=" : "data-file=" }

  func check(
    _ dataFile: QCOW2Header.DataFile, of image: String, allowed: String?
  ) throws(QEMUError) {
    switch dataFile {
    case .none: try check(nil, of: image, allowed: allowed)
    case .external(let name?): try check(name, of: image, allowed: allowed)
    case .external(nil):
      guard allowed == nil else { break }
      throw .file(
        image, reason: "keeps its data in another file, without its name; add data-file=FILE")
    }
    if case .external = dataFile, let allowed { _ = try ImageFile(allowed) }
  }

  /// - Parameters:
  ///   - claimed: what the header says.
  ///   - allowed: what the user has named.
  func check(_ claimed: String?, of image: String, allowed: String?) throws(QEMUError) {
    guard let claimed else {
      guard allowed == nil else {
        throw .file(image, reason: "its header names no \(rawValue); leave \(option) out")
      }
      return
    }
    guard !Self.hasProtocol(claimed) else {
      throw .file(
        image,
        reason: """
          its header names the \(rawValue) \(claimed.debugDescription), which is no plain file of \
          this host; make a single image of both with qemu-img convert
          """)
    }
    guard let allowed else {
      throw .file(
        image,
        reason: """
          its header names the \(rawValue) \(claimed.debugDescription), and the guest would get \
          at that with your rights; if it is meant, add \(option)FILE behind the image's name
          """)
    }
    guard let identity = ImageFile.Identity(of: allowed) else {
      throw .file(allowed, reason: "no such file; name the \(rawValue) of \(image)")
    }
    guard candidates(claimed, of: image).contains(where: { ImageFile.Identity(of: $0) == identity })
    else {
      throw .file(
        image,
        reason: """
          its header names the \(rawValue) \(claimed.debugDescription), which is not \(allowed); \
          name that one\(self == .backing
            ? ", or write the new name into the header with qemu-img rebase -u" : "")
          """)
    }
  }

  /// A relative name begins where the image is. QEMU lets that of a data file begin in its own working
  /// folder, and is told the right one.
  private func candidates(_ claimed: String, of image: String) -> [String] {
    if claimed.hasPrefix("/") { return [claimed] }
    let folder = image.lastIndex(of: "/").map { image[...$0] } ?? ""
    return self == .backing ? [folder + claimed] : [folder + claimed, claimed]
  }

  /// Whether QEMU takes a name for more than a file's: `nbd://…`, `json:{…}`, `fat:…`.
  private static func hasProtocol(_ name: String) -> Bool {
    name.first { $0 == ":" || $0 == "/" } == ":"
  }
}
