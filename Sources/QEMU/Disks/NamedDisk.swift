// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A disk as a user names it: the file, its format, and the other files that QEMU may open for it.
///
///     disk.img
///     disk.img,format=qcow2
///     top.qcow2,backing=middle.qcow2,backing=base.img
///     top.qcow2,data-file=top.data,backing=base,format=raw
///
///     new.qcow2,size=64G
///
/// Each `backing=` names the file beneath the one before it; `format=` and `data-file=` belong to
/// the file before them. A comma in a file's name is doubled, as in QEMU's options.
///
/// Without `format=`, a name that ends in `.qcow2` means a qcow2 image, and any other name a raw
/// one. The header never decides the format, because a guest can write any header into its disk,
/// and QEMU would open every host file that such a header names.
///
/// With `size=` the disk is made when the guest starts (`NewDisk`).
public struct NamedDisk: Hashable, Sendable {
  /// One named file.
  struct File: Hashable, Sendable {
    let path: String
    var format: DiskImage.Format?
    var dataFile: String?

    init(path: String, format: DiskImage.Format? = nil) {
      self.path = path
      self.format = format
    }

    /// The format that the user gave, or the format by the end of the name.
    var effectiveFormat: DiskImage.Format {
      format ?? (path.lowercased().hasSuffix(".qcow2") ? .qcow2 : .raw)
    }
  }

  /// The files from the top down; never empty.
  private var files: [File]

  /// The size with which the disk is made when the guest starts; `nil` for an existing disk.
  public private(set) var newSize: DiskSize?

  /// The file that the guest writes to.
  public var path: String { files[0].path }
  /// The format of that file.
  public var format: DiskImage.Format { files[0].effectiveFormat }

  /// An image of a known format that needs no other file.
  init(path: String, format: DiskImage.Format) {
    files = [File(path: path, format: format)]
  }

  /// Reads a user's text.
  ///
  /// - Throws: `QEMUError.file` for a part that is not understood.
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
            reason: "a guest's disk cannot have this format; give format=raw or format=qcow2")
        }
        guard files[last].format == nil else {
          throw .file(
            part.debugDescription, reason: "the file has a format already; give only one")
        }
        files[last].format = format
      case "data-file":
        guard files[last].dataFile == nil else {
          throw .file(
            part.debugDescription, reason: "the image has a data file already; name only one")
        }
        files[last].dataFile = try Self.name(value, in: part)
      case "size":
        guard newSize == nil else {
          throw .file(part.debugDescription, reason: "the disk has a size already; give only one")
        }
        guard let size = DiskSize(value) else {
          throw .file(
            part.debugDescription,
            reason: "no new disk can have this size; give 1M to 64T, such as size=64G"
          )
        }
        newSize = size
      case "backing":
        files.append(File(path: try Self.name(value, in: part)))
      default:
        throw .file(
          part.debugDescription,
          reason: """
            a disk has no such property; use format=, size=, backing= or data-file=, and double each \
            comma in a file's name
            """)
      }
    }
    guard newSize == nil || files.count == 1 && files[0].dataFile == nil else {
      throw .file(
        text.debugDescription,
        reason: "a new disk has no other file; leave backing= and data-file= out, or size=")
    }
  }

  /// The image that is made for a disk with a size.
  package var newImage: DiskImage { DiskImage(path: path, format: format) }

  private static func name(_ name: String, in text: String) throws(QEMUError) -> String {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw .file(text.debugDescription, reason: "names no file; name a disk image")
    }
    return name
  }

  /// The parts between single commas. A doubled comma becomes one comma of its part.
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
  /// Call it before each start, because a guest can change the content of its disk. It reads the
  /// headers of qcow2 images. Of other files it reads the first bytes, to see whether they begin
  /// like an image of another format. It opens only files that the user named.
  ///
  /// - Throws: `QEMUError.file` for a file that is missing, has another format than the user said,
  ///   or names a file that the user did not allow.
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
              it counts as raw, and a raw image has no backing file and no data file; if it is a \
              qcow2 image, add format=qcow2 after its name
              """)
        }
        // No check for an explicit format=raw: that user knows that a guest may write an image into
        // its disk.
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
            reason: "it is no qcow2 image: \(error); if it is raw, add format=raw after its name")
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

  /// Refuses a file that begins like another format and that the user did not call raw.
  private static func checkSignature(
    _ file: borrowing ImageFile, _ path: String
  ) throws(QEMUError) {
    guard let found = ImageSignature.format(of: try file.beginning(ImageSignature.limit)) else {
      return
    }
    let otherwise =
      found == DiskImage.Format.qcow2.rawValue
      ? "if you made it as a qcow2 image, add format=qcow2"
      : "otherwise convert it (qemu-img convert -f \(found) -O qcow2 FILE NEW.qcow2)"
    throw .file(
      path,
      reason: """
        it begins like a \(found) image, but a guest can write such a beginning into a raw disk, \
        and you gave no format; if it is a raw disk, add format=raw after its name; \(otherwise)
        """)
  }
}

/// Another file that an image's header names.
private enum Reference: String {
  case backing = "backing file"
  case dataFile = "data file"

  /// The option that allows the file.
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
        image,
        reason: """
          it keeps its data in another file, but its header does not name that file; add \
          data-file=FILE
          """)
    }
    if case .external = dataFile, let allowed { _ = try ImageFile(allowed) }
  }

  /// - Parameters:
  ///   - claimed: the name in the header.
  ///   - allowed: the name from the user.
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
          its header names the \(rawValue) \(claimed.debugDescription), but that is no plain file \
          of this host; combine both into a single image with qemu-img convert
          """)
    }
    guard let allowed else {
      throw .file(
        image,
        reason: """
          its header names the \(rawValue) \(claimed.debugDescription), and the guest would get \
          access to that file with your rights; to allow this, add \(option)FILE after the image's \
          name
          """)
    }
    guard let identity = ImageFile.Identity(of: allowed) else {
      throw .missing(allowed, reason: "no such file; name the \(rawValue) of \(image)")
    }
    guard candidates(claimed, of: image).contains(where: { ImageFile.Identity(of: $0) == identity })
    else {
      throw .file(
        image,
        reason: """
          its header names the \(rawValue) \(claimed.debugDescription), not \(allowed); name the \
          file in the header\(self == .backing
            ? ", or write the new name into the header with qemu-img rebase -u" : "")
          """)
    }
  }

  /// The files that a name in a header can mean. A relative name starts in the image's folder. QEMU
  /// starts a data file's relative name in its own working directory, so both count; QEMU gets the
  /// right name anyway.
  private func candidates(_ claimed: String, of image: String) -> [String] {
    if claimed.hasPrefix("/") { return [claimed] }
    let folder = image.lastIndex(of: "/").map { image[...$0] } ?? ""
    return self == .backing ? [folder + claimed] : [folder + claimed, claimed]
  }

  /// Whether QEMU reads a protocol out of a name, as in `nbd://…`, `json:{…}`, `fat:…`.
  private static func hasProtocol(_ name: String) -> Bool {
    name.first { $0 == ":" || $0 == "/" } == ":"
  }
}
