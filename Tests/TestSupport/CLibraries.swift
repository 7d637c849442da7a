// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// The libraries for C, linked of what was built with this test bundle, as `Scripts/install` links
/// them of a release: once a run, in some seconds.
public enum CLibraries {
  /// The package's folder.
  public static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Where the programs that were built with this test bundle are.
  public static let products: URL = {
    let places = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
    return places.flatMap { [$0, $0.deletingLastPathComponent()] }
      .map { $0.resolvingSymlinksInPath() }
      .first {
        FileManager.default.fileExists(atPath: $0.appendingPathComponent("libVGPUExports.a").path)
      } ?? URL(fileURLWithPath: "/no/products")
  }()

  /// The command under test: the one that was built with this test bundle, or the one that
  /// VGPU_TEST_COMMAND names, so that the same tests try an optimized build.
  public static let command: URL =
    ProcessInfo.processInfo.environment["VGPU_TEST_COMMAND"].map { URL(fileURLWithPath: $0) }
    ?? products.appendingPathComponent("vgpu")

  /// What a compiler needs to find the headers.
  public static let headers = "-I\(package.appendingPathComponent("Sources/CVGPU").path)"

  /// The folder with the libraries.
  public static func folder() throws -> String { try linked.get() }

  private static let linked = Result {
    let folder = products.appendingPathComponent("c-libraries").path
    let answer = try Program.run([
      package.appendingPathComponent("Scripts/link-c-libraries").path, products.path, folder,
    ])
    guard answer.code == 0 else { throw NotLinked(reason: answer.text) }
    return folder
  }

  /// Compiles a C program that uses GTK as its author would, but for where the libraries are.
  ///
  /// - Parameters:
  ///   - source: its path in the package.
  ///   - names: the libraries that it is linked with.
  /// - Returns: the compiler's exit code and words.
  public static func compile(
    _ source: String, with names: String..., to program: String
  ) throws -> (code: Int32, text: String) {
    try Program.run(
      [
        "/bin/sh", "-c",
        #"cc -std=c11 -Wall -Wextra -Werror "$@" $(pkg-config --cflags --libs gtk+-3.0)"#, "cc",
        headers, package.appendingPathComponent(source).path, "-L\(try folder())",
      ] + names.map { "-l\($0)" } + ["-o", program])
  }

  /// The same folder, with what GObject introspection needs of them.
  public static func introspectedFolder() throws -> String { try introspected.get() }

  private static let introspected = Result {
    let folder = try linked.get()
    let answer = try Program.run([
      package.appendingPathComponent("Scripts/introspect-c-libraries").path, folder,
    ])
    guard answer.code == 0, answer.text == "" else { throw NotLinked(reason: answer.text) }
    return folder
  }

  struct NotLinked: Error { let reason: String }
}
