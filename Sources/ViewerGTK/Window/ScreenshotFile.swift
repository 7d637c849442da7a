// SPDX-License-Identifier: Apache-2.0

import CGTK3
import Glibc
import PNGFile
public import SystemPackage
import VGPUDisplay

/// The pictures that a user saves from the window. They are in the user's folder for pictures, and
/// their names have the guest's name and the time, such as `vgpu-demo-2026-11-21-155543.png`.
@MainActor
enum ScreenshotFile {
  /// The number of names for one second that are tried before giving up.
  private static let mostOfOneSecond = 100

  /// Encodes a picture and writes it. No file is ever overwritten.
  ///
  /// - Returns: the file's path.
  static func save(_ picture: Picture, of guest: String) throws(ScreenshotError) -> String {
    let bytes: [UInt8]
    do {
      bytes = try PNG.encode(picture)
    } catch {
      throw .notEncoded(error.description)
    }
    let stem = "vgpu-\(plain(guest))-\(time)"
    var failure: ScreenshotError?
    for folder in folders {
      do {
        return try write(bytes, folder, stem)
      } catch {
        // The error of the best folder is the useful one.
        failure = failure ?? error
      }
    }
    throw failure ?? .notWritten(".", .noSuchFileOrDirectory)
  }

  /// The user's folder for pictures, else the home folder, else the current folder.
  private static var folders: [FilePath] {
    [
      g_get_user_special_dir(G_USER_DIRECTORY_PICTURES).map { FilePath(platformString: $0) },
      g_get_home_dir().map { FilePath(platformString: $0) }, ".",
    ].compactMap { $0 }
  }

  private static func write(
    _ bytes: [UInt8], _ folder: FilePath, _ stem: String
  ) throws(ScreenshotError) -> String {
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
        return path.string
      } catch Errno.fileExists {
        continue
      } catch {
        throw .notWritten(path.string, error as? Errno ?? .ioError)
      }
    }
    throw .notWritten(folder.appending("\(stem).png").string, .fileExists)
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
  private static var time: String {
    var now = Glibc.time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%d-%H%M%S", &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Why a guest's picture was not saved.
@nonexhaustive
public enum ScreenshotError: Error, Hashable, Sendable {
  /// There is no picture, or it cannot be read: the reason.
  case noPicture(String)
  /// libpng does not take the picture: its message.
  case notEncoded(String)
  /// The file cannot be made or written: the path, and the kernel's reason.
  case notWritten(String, Errno)
}

extension ScreenshotError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .noPicture(let reason): reason
    case .notEncoded(let reason): "the picture cannot be encoded: \(reason)"
    case .notWritten(let path, let errno):
      "\(path): \(errno.description); make the folder writable, or choose another in xdg-user-dirs (XDG_PICTURES_DIR)"
    }
  }
}
