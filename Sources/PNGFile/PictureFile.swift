// SPDX-License-Identifier: Apache-2.0

import Glibc
public import SystemPackage
public import VGPUDisplay

/// A guest's picture, saved as a PNG file under a name that is made for it: the guest's name and the
/// time by the user's own clock, such as `vgpu-demo-2026-11-21-155543.png`.
public enum PictureFile {
  /// Files of one second that are tried before giving up.
  private static let mostOfOneSecond = 100

  /// Encodes a picture and writes it (open(2) with O_EXCL): no file is ever overwritten, and of one
  /// that cannot be written whole nothing stays.
  ///
  /// - Parameters:
  ///   - picture: what is saved.
  ///   - guest: the guest's name, which may hold any characters: the file's name gets those that need
  ///     no quotes.
  ///   - folders: the best first; the next is tried where one cannot be written to. Without any, the
  ///     folder that the program runs in.
  /// - Returns: the file's path.
  /// - Throws: `PictureFileError`; of several folders the first's.
  public static func save(
    _ picture: Picture, of guest: String, in folders: [FilePath]
  ) throws(PictureFileError) -> FilePath {
    try save(picture, of: guest, in: folders, at: time(nil))
  }

  /// - Parameter time: seconds since 1970.
  static func save(
    _ picture: Picture, of guest: String, in folders: [FilePath], at time: time_t
  ) throws(PictureFileError) -> FilePath {
    let bytes: [UInt8]
    do {
      bytes = try PNG.encode(picture)
    } catch {
      throw .notEncoded(error.description)
    }
    let stem = "vgpu-\(plain(guest))-\(text(of: time))"
    var failure: PictureFileError?
    for folder in folders.isEmpty ? ["."] : folders {
      do {
        return try write(bytes, folder, stem)
      } catch {
        // The error of the best folder is the useful one.
        failure = failure ?? error
      }
    }
    throw failure ?? .notWritten(".", .noSuchFileOrDirectory)
  }

  private static func write(
    _ bytes: [UInt8], _ folder: FilePath, _ stem: String
  ) throws(PictureFileError) -> FilePath {
    for number in 1...mostOfOneSecond {
      let path = folder.appending(number == 1 ? "\(stem).png" : "\(stem)-\(number).png")
      do {
        let file = try FileDescriptor.open(
          path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
          permissions: [.ownerReadWrite, .groupRead, .otherRead])
        do {
          _ = try file.closeAfter { try file.writeAll(bytes) }
        } catch {
          // Remove the file, because half a picture is useless.
          unlink(path.string)
          throw error
        }
        return path
      } catch Errno.fileExists {
        continue
      } catch {
        throw .notWritten(path, error as? Errno ?? .ioError)
      }
    }
    throw .notWritten(folder.appending("\(stem).png"), .fileExists)
  }

  /// Makes a file name that is no path and needs no quotes.
  private static func plain(_ name: String) -> String {
    let characters = name.unicodeScalars.prefix(64).map { scalar -> Character in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": Character(scalar)
      default: "_"
      }
    }
    return characters.isEmpty ? "guest" : String(characters)
  }

  /// By the user's own clock.
  private static func text(of time: time_t) -> String {
    var time = time
    var parts = tm()
    localtime_r(&time, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%d-%H%M%S", &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Why a picture was not saved.
@nonexhaustive
public enum PictureFileError: Error, Hashable, Sendable {
  /// libpng does not take it: its words.
  case notEncoded(String)
  /// No file can be made or written: the path, and the kernel's reason.
  case notWritten(FilePath, Errno)
}

extension PictureFileError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notEncoded(let reason): "the picture cannot be encoded: \(reason)"
    case .notWritten(let path, .fileExists):
      "\(path): there are too many pictures of this second; try again"
    case .notWritten(let path, let errno):
      "\(path): \(errno.description); make the folder writable, or choose another"
    }
  }
}
