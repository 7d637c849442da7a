// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import CLinux
import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import BridgeServer

/// `vgpu bridge` as a program: where its socket is, and that it goes with it.
@Suite(.serialized, .timeLimit(.minutes(15))) final class CommandTests {
  private let folder: URL
  private let path: String
  private var started: [Process] = []

  init() throws {
    folder = URL(fileURLWithPath: "/dev/shm/bridge-\(UUID().uuidString.prefix(8))")
    path = folder.appendingPathComponent("bridge.sock").path
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
  }

  /// No bridge outlives its test, however that ends.
  deinit {
    for process in started where process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(at: folder)
  }

  /// It lies beside the test bundle, or beside what runs that.
  private static let program: String = {
    let places = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
    return places.flatMap { [$0, $0.deletingLastPathComponent()] }
      .map { $0.appendingPathComponent("vgpu").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "/no/vgpu"
  }()

  private func start(
    _ arguments: String..., environment: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    started.append(process)
    return process
  }

  /// The process that a bridge leaves to remove its socket: the only child that it has.
  private func remover(of bridge: Process) throws -> RunningProcess {
    let parent = "\(bridge.processIdentifier)"
    let children = try FileTree.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
      // `PID (NAME) STATE PARENT …`
      let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
      return text.split(separator: ")").last?.split(separator: " ").dropFirst().first ?? ""
        == parent
    }
    #expect(children.count == 1)
    return try RunningProcess(try #require(children.first))
  }

  private func waitUntilServed(_ process: Process, at path: String) throws {
    while (try? BridgeListing(path: path)) == nil {
      try #require(process.isRunning)
      usleep(10_000)
    }
  }

  private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  private func expectRemoved(after signal: Int32, _ arguments: String...) throws {
    let process = try start(
      Self.program, "bridge", "demo", "--socket", path, arguments.joined(separator: "="))
    try waitUntilServed(process, at: path)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(becomes(0) { exists(path) ? 1 : 0 })
  }

  @Test(arguments: [SIGTERM, SIGINT]) func socketGoesWithTheBridge(signal: Int32) throws {
    try expectRemoved(after: signal, "--verbose")
  }

  /// Nobody may remove a file from root's folder; killed, no process does anything any more.
  @Test(
    .enabled(if: geteuid() == 0, "only root can become another user"),
    arguments: [SIGTERM, SIGINT, SIGKILL])
  func socketGoesWithTheBridgeOfAnotherUser(signal: Int32) throws {
    try expectRemoved(after: signal, "--user", "nobody")
  }

  @Test func socketGoesWhenTheBridgeCannotStart() throws {
    let missing = "00000000-0000-0000-0000-00000000dead"
    let process = try start(Self.program, "bridge", "--open", missing, "--socket", path)
    process.waitUntilExit()
    #expect(process.terminationStatus != 0 && !exists(path))
  }

  /// A bridge that was started meanwhile keeps its socket.
  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func socketOfTheNextBridgeStays() async throws {
    let first = try start(
      Self.program, "bridge", "demo", "--socket", path, "--user", "nobody")
    try waitUntilServed(first, at: path)
    try FileManager.default.removeItem(atPath: path)
    let second = try start(Self.program, "bridge", "demo", "--socket", path)
    try waitUntilServed(second, at: path)
    let remover = try remover(of: first)
    kill(first.processIdentifier, SIGKILL)
    try await eventually { remover.hasEnded }
    #expect(exists(path))
    #expect(try BridgeListing(path: path).vGPUs.count == 1)
    kill(second.processIdentifier, SIGTERM)
    second.waitUntilExit()
    #expect(!exists(path))
  }

  /// `vgpu run` puts its sockets into the same folder, and none where others can enter.
  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func folderOfAUserIsHisAlone() throws {
    #expect(chown(folder.path, 65534, 65534) == 0 && chmod(folder.path, 0o700) == 0)
    // As earlier bridges have made it.
    let own = folder.appendingPathComponent("vgpu").path
    #expect(mkdir(own, 0o755) == 0 && chown(own, 65534, 65534) == 0)
    // A copy that another user can reach.
    let copy = folder.appendingPathComponent("program").path
    try FileManager.default.copyItem(atPath: Self.program, toPath: copy)
    #expect(chmod(copy, 0o755) == 0)
    let process = try start(
      "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "bridge", "demo",
      environment: ["XDG_RUNTIME_DIR": folder.path])
    try waitUntilServed(process, at: "\(own)/bridge.sock")
    var status = stat()
    #expect(stat(own, &status) == 0 && status.st_mode & 0o777 == 0o700)
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    #expect(!exists("\(own)/bridge.sock"))
  }

  @Test func foldersThatOthersMayChangeAreRefused() throws {
    func error() -> String {
      do {
        _ = try BridgeListener(path: path)
        return ""
      } catch {
        return "\(error)"
      }
    }
    for mode: mode_t in [0o777, 0o757] {
      #expect(chmod(folder.path, mode) == 0)
      #expect(error().contains("could replace the socket"))
      #expect(!exists(path))
    }
    #expect(chmod(folder.path, 0o1777) == 0)
    #expect(error() == "")
  }

  /// Whoever may rename a folder on the way puts one of his own in its place.
  @Test func foldersAboveAreAsSafe() throws {
    let inner = folder.appendingPathComponent("a/b")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    func error(_ path: String) -> String {
      do {
        _ = try BridgeListener(path: path)
        return ""
      } catch {
        return "\(error)"
      }
    }
    let path = inner.appendingPathComponent("bridge.sock").path
    #expect(error(path) == "")
    for mode: mode_t in [0o777, 0o775] {
      #expect(chmod(folder.path, mode) == 0)
      #expect(error(path).contains("\(folder.path): bind: "))
      #expect(error(path).contains("could replace the socket"))
    }
    // There nobody can rename what is another's.
    #expect(chmod(folder.path, 0o1777) == 0)
    #expect(error(path) == "")
    // A way around: what a link's folder lets others do counts, and so does where the link leads.
    let other = folder.appendingPathComponent("other")
    try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
    #expect(symlink("../a/./b", other.appendingPathComponent("link").path) == 0)
    let linked = other.appendingPathComponent("link/bridge.sock").path
    #expect(error(linked) == "")
    #expect(symlink(inner.path, other.appendingPathComponent("absolute").path) == 0)
    #expect(error(other.appendingPathComponent("absolute/bridge.sock").path) == "")
    #expect(chmod(other.path, 0o777) == 0)
    #expect(error(linked).contains("\(other.path): bind: "))
    #expect(chmod(other.path, 0o755) == 0)
    #expect(chmod(folder.appendingPathComponent("a").path, 0o777) == 0)
    #expect(error(linked).contains("\(folder.path)/a: bind: "))
    #expect(symlink("circle", other.appendingPathComponent("circle").path) == 0)
    #expect(error(other.appendingPathComponent("circle/bridge.sock").path).contains("readlink"))
  }

  /// An owner may change a folder, whatever its mode; and a link of another's is his to exchange.
  @Test(.enabled(if: geteuid() == 0, "only root can give a folder away"))
  func foldersAboveAreOwnedBySomebodyTrusted() throws {
    let inner = folder.appendingPathComponent("inner")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    let path = inner.appendingPathComponent("bridge.sock").path
    #expect(chown(folder.path, 65534, 65534) == 0)
    let error = #expect(throws: SystemCallError.self) { _ = try BridgeListener(path: path) }
    #expect(error?.description.contains("its owner, user 65534,") == true)
    #expect(throws: Never.self) { _ = try BridgeListener(path: path, servedBy: 65534) }
    #expect(chown(folder.path, 0, 0) == 0 && chmod(folder.path, 0o1777) == 0)
    let link = folder.appendingPathComponent("link").path
    #expect(symlink(inner.path, link) == 0 && lchown(link, 65534, 65534) == 0)
    #expect(throws: SystemCallError.self) { _ = try BridgeListener(path: "\(link)/bridge.sock") }
  }

  /// bind(2) follows no link, and nothing is done to what a link leads to.
  @Test func linksAreNotFollowed() throws {
    let victim = folder.appendingPathComponent("victim").path
    let socket = OwnedFileDescriptor(
      owning: Int32(try SystemCall.make("socket", on: victim) { vgpu_packet_socket() }))
    try RawClient.listen(socket, at: victim)
    #expect(chmod(victim, 0o600) == 0 && symlink(victim, path) == 0)
    #expect(throws: SystemCallError.self) { _ = try BridgeListener(path: path) }
    var status = stat()
    #expect(lstat(victim, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }

  /// Whatever the umask: who is let in is decided by credentials.
  @Test func everybodyMayConnect() throws {
    let process = try start(
      "bash", "-c", "umask 077; exec \"$0\" bridge demo --socket \"$1\"", Self.program, path)
    try waitUntilServed(process, at: path)
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o666)
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
  }

  /// A group with more members than fit into a page; and one that there is not.
  @Test(.enabled(if: geteuid() == 0, "only root can mount"))
  func largeGroupsAreGroups() throws {
    let groups = folder.appendingPathComponent("group").path
    let members = (0..<20_000).map { "member\($0)" }.joined(separator: ",")
    try "root:x:0:\nlarge:x:4242:\(members)\n".write(
      toFile: groups, atomically: true, encoding: .utf8)
    func bridge(_ rule: String) throws -> (code: Int32, text: String) {
      let script = """
        mount --bind "$1" /etc/group
        "$0" bridge demo --socket "$2" --allow "$3" & until [ -S "$2" ]; do
          kill -0 $! || { wait $!; exit; }; sleep 0.01; done
        kill $!; wait $!
        """
      return try Program.run([
        "unshare", "--mount", "--propagation", "private", "bash", "-c", script, Self.program,
        groups, path, rule,
      ])
    }
    let large = try bridge("group:large")
    #expect(large.code == 0, "\(large.text)")
    let none = try bridge("group:none")
    #expect(none.code != 0 && none.text.contains("there is no group none"), "\(none.text)")
  }
}
