// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Attachment
import BridgeProtocol
public import BridgeServer
import ErrorKinds
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
    abstract: "Show vGPUs to users who may not open the devices.",
    discussion: """
      The bridge serves the screens of the named vGPUs, or of all vGPUs of this host, on a \
      Unix socket. A viewer gets buffers of pixels, never the device:

        vgpu bridge --user nobody --allow group:vfio
        vgpu list --bridge /run/vgpu/bridge.sock
        vgpu view bridge:/run/vgpu/bridge.sock/UUID

      Root and the user who starts the bridge may look. Let others look with --allow user:NAME, --allow \
      group:NAME, --allow seat (who sits at this machine, as logind says), or, for one vGPU, --allow \
      UUID=user:NAME. They need name no bridge: `vgpu view UUID` uses /run/vgpu/bridge.sock by itself. docs/bridge-protocol.md describes the \
      protocol and its security.

      The bridge finds a vGPU in the process that uses it, such as QEMU. There are two other ways. \
      With --device-fd, a program hands its open device to the bridge as an inherited descriptor; \
      then the bridge needs no privilege. With --open, the bridge opens the device itself; then no \
      guest can use the vGPU, and the bridge shows the driver's own picture.

      A named guest without a vGPU is shown by QEMU's display on D-Bus, to users who may not talk to QEMU:

        vgpu bridge qmp:/run/vm1.qmp --allow group:helpdesk

      QEMU serves one such client, so the bridge takes the display from others. With --user, this user \
      must be allowed to use QEMU's socket.

      systemd can start the bridge (vgpu-bridge.socket) and hand devices over (sd_listen_fds(3)). \
      Name each descriptor with the vGPU's UUID.
      """)

  @Argument(
    help: ArgumentHelp(
      "Show these guests: mdev:UUID, pid:N, libvirt:[session/|system/]NAME, qmp:PATH or demo. (default: all vGPUs)",
      valueName: "target"))
  var targets: [Target] = []

  @Option(
    help: ArgumentHelp(
      """
      Show this vGPU by its open device, an inherited descriptor with this number. The device must come \
      from its group, or be bound to an iommufd. The vGPU stays busy until the bridge ends.
      """, valueName: "uuid=fd"))
  var deviceFd: [HandedDevice] = []

  @Option(
    help: ArgumentHelp("Open the device of this vGPU, and show the vGPU.", valueName: "uuid"),
    completion: .vGPUs,
    transform: MdevUUID.init(parsing:))
  var open: [MdevUUID] = []

  @Option(
    help: ArgumentHelp(
      """
      Serve at this path. The path's folders must belong to you or root, and nobody else may write \
      to folders without the sticky bit. (default: systemd's socket, if there is one; else \
      /run/vgpu/bridge.sock for root, vgpu/bridge.sock in the runtime folder for others)
      """, valueName: "path"),
    completion: .file())
  var socket: String?

  @Option(
    help: ArgumentHelp(
      "Let this user or group look, or who sits at this machine; UUID= limits it to one vGPU. Repeat for more.",
      valueName: "[uuid=]user:name|group:name|seat"),
    transform: AccessRule.init(parsing:))
  var allow: [AccessRule] = []

  @Flag(help: "Let viewers change the size of the guest's monitor.")
  var allowResize = false

  @Option(
    help: ArgumentHelp(
      "Switch to this user when the socket is open, and drop all other privileges.",
      valueName: "name"))
  var user: String?

  @Flag(help: "Log each viewer that connects or disconnects.")
  var verbose = false

  func validate() throws {
    for case .bridge(let path, _) in targets {
      throw ValidationError(
        "bridge:\(path): a bridge cannot show another bridge; name its vGPUs on their host")
    }
  }

  func run() throws {
    let account = try user.map { name in
      guard let account = try UserDatabase.user(name) else {
        throw Failure("--user \(name): there is no such user; name one of /etc/passwd", .notFound)
      }
      return account
    }
    let logger = Logger(label: "vgpu") { [verbose] _ in
      JournalLogHandler(program: "vgpu", level: verbose ? .debug : .info)
    }
    var handedOver = try ServiceManager.handedOver()
    let contents = try contents(with: handedOver.devices)
    BridgeLimits.raiseDescriptorLimit()
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
      throw ValidationError("\(vGPU): named twice; leave one out")
    }
    for rule in allow {
      guard let vGPU = rule.vGPU, !contents.isEmpty, !seen.contains(vGPU) else { continue }
      throw ValidationError(
        "--allow \(vGPU)=…: the bridge does not show this vGPU; name it as a target too")
    }
    return contents
  }

  private func makeListener(
    _ handedOver: consuming BridgeListener?, servedBy account: UserDatabase.User?
  ) throws -> BridgeListener {
    if let listener = handedOver {
      if socket != nil {
        throw Failure("--socket: systemd has handed a socket over; leave --socket out", .argument)
      }
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
      let error = Errno(rawValue: errno)
      throw SystemCallError(call: "mkdir", object: folder, errno: error, remedy: "give --socket")
    }
    return "\(folder)/bridge.sock"
  }
}

/// Writes a log to standard error, one line a message: with priorities (sd-daemon(3)) when the
/// journal reads it, else with the program's name.
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
