// SPDX-License-Identifier: Apache-2.0

#if GIO
  import Attachment
  import BootScreen
  import GuestControl
  import GuestInput
  import Libvirt
  import LinuxSystem
  import QEMUDisplay
  import VGPUDisplay

  /// QEMU's display on D-Bus, as a screen.
  struct DisplayScreen: ScreenProvider {
    let id = "dbus"
    let title = "QEMU's display on D-Bus"

    func obstacle(_ facts: GuestFacts) -> Obstacle? { facts.displayObstacle }

    func open(
      _ guest: Guest, waiting: Bool, controlsSize: Bool
    ) throws(AttachmentError) -> any GuestScreen {
      let process: RunningProcess? =
        if case .process(let pid) = guest.target { try? RunningProcess(pid) } else { nil }
      let screen: ConsoleScreen
      do {
        screen = try ConsoleScreen(of: guest, process: process)
      } catch {
        throw .screen(ScreenFailure(error))
      }
      if waiting { return screen }
      do {
        try screen.waitForConnection()
      } catch {
        throw .screen(ScreenFailure(error))
      }
      return screen
    }
  }

  /// The firmware's screen, by QEMU's display: a VGA card or a ramfb beside the vGPU.
  struct DisplayBootScreen: BootScreenProvider {
    let id = "dbus"
    let title = "QEMU's display on D-Bus"
    let needsNoControl = true

    func obstacle(_ facts: GuestFacts) -> Obstacle? { facts.secondDisplayObstacle }

    func open(_ guest: Guest, _ control: GuestController?) -> (any BootScreen)? {
      // A guest may have no display device besides its vGPU, and then no console.
      guard let screen = try? ConsoleScreen(of: guest, process: nil),
        (try? screen.waitForConnection()) != nil
      else { return nil }
      return Console(screen: screen)
    }

    private struct Console: BootScreen {
      let screen: ConsoleScreen
      var input: (any InputSink)? { screen.input }
      var sound: (any GuestSoundSource)? { screen.sound }
      var isTakenOver: Bool { screen.isTakenOver }
      func takeBack() { screen.takeBack() }

      func frames(with screen: any GuestScreen) -> sending any FrameSource {
        BootScreenSource(wrapping: screen, showing: self.screen)
      }
    }
  }

  /// The size of a screen that QEMU shows.
  struct DisplaySize: SizeProvider {
    let id = "dbus"
    let title = "QEMU's display on D-Bus (SetUIInfo)"

    func obstacle(_ facts: GuestFacts) -> Obstacle? {
      // Another size of the firmware's screen is no use to a guest on its vGPU.
      if VFIOScreen().obstacle(facts) == nil {
        return .otherTarget(facts.target, needs: .qemuScreen)
      }
      return facts.displayObstacle
    }
  }

  /// Keyboard and pointer of a console.
  struct DisplayInput: Provider {
    let id = "dbus"
    let title = "QEMU's display on D-Bus"

    func obstacle(_ facts: GuestFacts) -> Obstacle? { facts.secondDisplayObstacle }
  }

  extension ScreenFailure {
    init(_ error: QEMUDisplayError) { self.init("\(error)", error.errorClass) }
    init(_ error: SystemCallError) { self.init("\(error)", error.errorClass) }
  }

  extension GuestFacts {
    /// Why the display has neither the firmware's screen nor keyboard and pointer.
    var secondDisplayObstacle: Obstacle? {
      switch target {
      case .demo, .bridge, .qmp: return displayObstacle
      case .libvirt, .mdev, .pci, .process: break
      }
      // Without a look nobody knows whether there is one, and commands by QMP always serve.
      return isLookedAt ? displayObstacle : .noDBusDisplay("\(target)")
    }

    /// Why QEMU's display on D-Bus does not show this guest's screen; `nil` when it does, as far as is
    /// known.
    var displayObstacle: Obstacle? {
      switch target {
      case .demo, .bridge: return .otherTarget(target, needs: .localGuest)
      case .qmp: return nil
      case .libvirt, .mdev, .pci, .process: break
      }
      guard isLookedAt else { return nil }
      if let domain {
        guard domain.displayIndex != nil else { return .noDBusDisplay("\(target)") }
        if let refusal = domain.refusal { return .libvirt(refusal) }
        // Its vGPU will show more, when it runs.
        return !vGPUs.isEmpty && !domain.isRunning
          ? .libvirt(.notRunning(name: domain.name, uri: domain.uri)) : nil
      }
      switch qmp {
      case .failure(let error)?: return .qmp(error)
      case .success(let sockets)? where sockets.takesDisplayClients:
        return namedSocket == nil ? sockets.obstacle.map { .qmp($0) } : nil
      case .success?: return .noDBusDisplay("\(target)")
      case nil:
        if let vGPU = target.vGPU { return .attachment(.unheld(vGPU)) }
        return .noDBusDisplay("\(target)")
      }
    }
  }
#endif
