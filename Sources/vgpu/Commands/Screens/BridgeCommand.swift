// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import BridgeProtocol
import BridgeServer
import Glibc
import GuestSession
import HostDevices
import LinuxSystem
import Logging
import SafeText
import SystemPackage

struct BridgeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bridge",
    abstract: "Show vGPUs to users who may not have the device.",
    discussion: """
      Serves the pictures of the named vGPUs, or of all of this host's, on a Unix socket. Whoever is \
      allowed to looks at them with

        vgpu view bridge:PATH[/UUID]

      and gets buffers of pixels, never a device. Root and whoever starts the bridge may look; others \
      by --allow, which can be given several times: user:NAME, group:NAME, or, for one vGPU alone, \
      UUID=user:NAME. docs/bridge-protocol.md has the protocol, and what a buffer gives away.

        vgpu bridge --user nobody --allow group:vfio
        vgpu list --bridge /run/vgpu/bridge.sock

      A vGPU that is named is looked at through the process that has it, such as QEMU. A program \
      that has a device itself can hand it over instead, as a descriptor that the bridge inherits \
      (--device-fd); such a bridge needs no privilege at all. Or the bridge opens a device (--open): \
      as a device opens once and the bridge hands none on, no guest can have that one then, and it \
      shows what its driver does by itself.

      systemd starts it by vgpu-bridge.socket, and can hand devices over too (sd_listen_fds(3)): a \
      descriptor whose name is a UUID is that vGPU's.
      """)

  @Argument(
    help: ArgumentHelp(
      "mdev:UUID, pid:N, libvirt:[session/|system/]NAME or demo; all vGPUs where none is named.",
      valueName: "target"))
  var targets: [Target] = []

  @Option(
    help: ArgumentHelp(
      """
      Show a vGPU whose open device this process has inherited as a descriptor: from the group, or \
      bound to an iommufd. It stays busy until the bridge ends or the vGPU is removed.
      """, valueName: "uuid=fd"))
  var deviceFd: [HandedDevice] = []

  @Option(
    help: ArgumentHelp("Open this vGPU's device, and show it.", valueName: "uuid"),
    transform: MdevUUID.init(parsing:))
  var open: [MdevUUID] = []

  @Option(
    help: ArgumentHelp(
      """
      Where to serve; /run/vgpu/bridge.sock for root, else vgpu/bridge.sock in your runtime folder, \
      or the socket that systemd hands over. Nobody else may be able to exchange files in its folder.
      """, valueName: "path"))
  var socket: String?

  @Option(
    help: ArgumentHelp("Who else may look.", valueName: "[uuid=]user:name|group:name"),
    transform: AccessRule.init(parsing:))
  var allow: [AccessRule] = []

  @Flag(help: "Let those who may look ask for another size of the guest's monitor.")
  var allowResize = false

  @Option(
    help: ArgumentHelp(
      "Become this user once the socket is there, and give up every privilege that is not needed.",
      valueName: "name"))
  var user: String?

  @Flag(help: "Say who comes and goes.")
  var verbose = false

  func validate() throws {
    for case .bridge(let path, _) in targets {
      throw ValidationError("bridge:\(path): a bridge shows no other bridge's vGPUs")
    }
  }

  func run() throws {
    let account = try user.map { name in
      guard let account = try UserDatabase.user(name) else {
        throw Failure("--user \(name): no such user")
      }
      return account
    }
    let logger = Logger(label: "vgpu") { [verbose] _ in
      JournalLogHandler(program: "vgpu", level: verbose ? .debug : .info)
    }
    var handedOver = try ServiceManager.handedOver()
    let contents = try contents(with: handedOver.devices)
    DescriptorLimit.raise()
    let handle = try BridgeHandle()
    // Before there is a socket's file, which is removed on every way out.
    try handle.stopAtSignals()
    let listener = try makeListener(handedOver.listener.take(), servedBy: account)
    let place = listener.path ?? "systemd's socket"
    // What is wrong with any of them is said now, and with the rights of whoever starts it.
    let catalogue = try BridgeCatalogue(
      contents, rules: allow, starter: getuid(), allowsResize: allowResize)
    if let account {
      try Privileges.become(
        account, keeping: contents.needsProcesses ? [.readAll, .traceAll] : [])
    } else if geteuid() == 0 {
      logger.notice("runs as root; --user NAME gives up what is not needed")
    }
    let server = try Bridge(
      listener, handle: handle, logger: logger, catalogue: { catalogue.vGPUs() })
    if allowResize { try AttachedSource.plugInAtSignals() }
    logger.info("serves \(place)")
    ServiceManager.notify("READY=1")
    try server.run()
    ServiceManager.notify("STOPPING=1")
  }

  /// What the command line names, and what systemd has handed over.
  private func contents(
    with devices: [HandedDevice]
  ) throws -> BridgeCatalogue.Contents {
    let contents = BridgeCatalogue.Contents(
      targets: targets, opened: open, handed: deviceFd + devices)
    var seen: Set<MdevUUID> = []
    for vGPU in contents.vGPUs where !seen.insert(vGPU).inserted {
      throw ValidationError("\(vGPU): named twice")
    }
    for rule in allow {
      guard let vGPU = rule.vGPU, !contents.isEmpty, !seen.contains(vGPU) else { continue }
      throw ValidationError("--allow \(vGPU)=…: that vGPU is not among those that are shown")
    }
    return contents
  }

  private func makeListener(
    _ handedOver: consuming BridgeListener?, servedBy account: UserDatabase.User?
  ) throws -> BridgeListener {
    if let listener = handedOver {
      if socket != nil { throw Failure("--socket: systemd has handed a socket over") }
      return listener
    }
    let listener = try BridgeListener(
      path: try socket ?? Self.defaultSocket(), servedBy: account?.user)
    // Once it is another user it may not change the folder.
    if account != nil { try listener.removeAtEnd() }
    return listener
  }

  /// Where a bridge is looked for where nobody says anything else. Its folder is made: root's for all
  /// to enter, as who is answered is the policies' affair; a user's for him alone, as `vgpu run` has
  /// its sockets there.
  private static func defaultSocket() throws -> String {
    guard geteuid() == 0 else {
      return "\(try GuestFolders.user(program: "vgpu").sockets())/bridge.sock"
    }
    let folder = "/run/vgpu"
    if mkdir(folder, 0o755) == 0 {
      // Whatever the umask has left of that.
      _ = chmod(folder, 0o755)
    } else if errno != EEXIST {
      throw Failure(
        "\(folder): cannot be made (\(String(cString: strerror(errno)))); give --socket")
    }
    return "\(folder)/bridge.sock"
  }
}

/// Writes a log to standard error, a line each: with the journal's priorities (sd-daemon(3)) where it
/// goes there, else as programs speak.
struct JournalLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level

  private let hasPriorities: Bool
  private let program: String

  /// - Parameter program: what its lines begin with, where there is no journal.
  init(
    program: String, level: Logger.Level, hasPriorities: Bool = ServiceManager.hasJournal
  ) {
    self.program = program
    logLevel = level
    self.hasPriorities = hasPriorities
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    // Whatever clients and guests are called stays in its line.
    let text = PlainText.line("\(event.message)")
    let line = hasPriorities ? "<\(Self.priority(event.level))>\(text)\n" : "\(program): \(text)\n"
    // Nobody is left to be told that it cannot be told.
    _ = try? FileDescriptor.standardError.writeAll(Array(line.utf8))
  }

  /// syslog(3)'s numbers.
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}

extension HandedDevice: ExpressibleByArgument {
  /// Reads `UUID=N`; the first three descriptors are no devices.
  public init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let uuid = MdevUUID(String(parts[0])),
      parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int32(parts[1]), number > 2
    else { return nil }
    self.init(vGPU: uuid, descriptor: number)
  }
}

/// How many descriptors this process may have. The usual limit is kept low for programs that use
/// select(2), which nothing here does.
private enum DescriptorLimit {
  /// setrlimit(2): as many as the administrator allows.
  static func raise() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    // Without it there are fewer clients.
    _ = setrlimit(resource, &limit)
  }
}
