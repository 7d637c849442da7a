// SPDX-License-Identifier: Apache-2.0
//
// vgpu-agent.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CVGPU
import Glibc
import GuestAgent
import GuestSession
import Guests
import LinuxSystem
import VGPUExports

@c @implementation
public func vgpu_agent_open(
  _ target: UnsafePointer<CChar>!, _ socket: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let connector: any AgentConnector
    if let path = try CText.optional(socket, "socket") {
      if target != nil { _ = try Target(c: target) }
      connector = AgentSocket(path: path)
    } else {
      let guest = Guest(try Target(c: target))
      do throws(Obstacle) {
        connector = try guest.agentConnector()
      } catch {
        throw Failure(error)
      }
    }
    return try Agent { (onEvent) throws(AgentError) in
      try AgentClient(connector, onEvent: onEvent)
    }.passedToC()
  }
}

@c @implementation
public func vgpu_agent_open_fd(
  _ fd: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let number = try duplicate(fd).release()
    return try Agent { (onEvent) throws(AgentError) in
      try AgentClient(
        owning: OwnedFileDescriptor(owning: number), name: "descriptor \(fd)", onEvent: onEvent)
    }.passedToC()
  }
}

@c @implementation
public func vgpu_guest_open_agent(
  _ guest: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let path = try StartedGuest.borrowed(guest).guest.sockets.agent
    return try Agent { (onEvent) throws(AgentError) in
      try AgentClient(AgentSocket(path: path), onEvent: onEvent)
    }.passedToC()
  }
}

@c @implementation
public func vgpu_agent_close(_ agent: OpaquePointer!) {
  (try? Agent.borrowed(agent))?.close()
  Agent.release(agent)
}

@c @implementation
public func vgpu_agent_wait(
  _ agent: OpaquePointer!, _ timeout: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let client = try Agent.borrowed(agent).client
    let state = waiting {
      await client.stateAfterWaiting(atMost: .milliseconds(Int64(timeout)))
    }
    switch state {
    case .connected: return
    case .unavailable(let reason): throw Failure(.notRunning, reason)
    default:
      throw Failure(
        .notRunning, "no agent answers; start spice-vdagent in the guest, and log in there")
    }
  }
}

@c @implementation
public func vgpu_agent_state(_ agent: OpaquePointer!) -> Int32 {
  switch (try? Agent.borrowed(agent))?.client.state {
  case .connected: Int32(VGPU_AGENT_CONNECTED)
  case .waiting: Int32(VGPU_AGENT_WAITING)
  default: Int32(VGPU_AGENT_UNAVAILABLE)
  }
}

@c @implementation
public func vgpu_agent_message(
  _ agent: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  var reason = ""
  switch (try? Agent.borrowed(agent))?.client.state {
  case .unavailable(let why): reason = why
  case .closed: reason = "the connection has ended"
  default: break
  }
  return CText.write(reason, to: text, size: size)
}

// MARK: Events

@c @implementation
public func vgpu_agent_fd(
  _ agent: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.result(error) { () throws(Failure) in
    try Agent.borrowed(agent).events.descriptor()
  } ?? -1
}

@c @implementation
public func vgpu_agent_read_event(
  _ agent: OpaquePointer!, _ event: UnsafeMutablePointer<vgpu_agent_event>!
) -> Int32 {
  // Without a place for it the event stays.
  guard let event else { return 0 }
  guard let next = (try? Agent.borrowed(agent))?.events.next() else {
    event.pointee = vgpu_agent_event()
    return 0
  }
  event.pointee = vgpu_agent_event(next)
  return 1
}

// MARK: The clipboard

@c @implementation
public func vgpu_agent_offer_text(
  _ agent: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ size: Int,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let client = try Agent.borrowed(agent).client
    guard let text else { throw .null("text") }
    // A size_t beyond Int's half comes as a negative number.
    guard (0...Int(VGPU_AGENT_MOST_TEXT)).contains(size) else {
      throw Failure(.argument, "size: give 64 MiB at most; send a longer text as a file")
    }
    let bytes = Array(UnsafeRawBufferPointer(start: text, count: size))
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Failure(.argument, "text: not UTF-8; give a text")
    }
    client.offer(ClipboardOffer(types: [.text]) { _ in bytes })
  }
}

@c @implementation
public func vgpu_agent_withdraw(
  _ agent: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in try Agent.borrowed(agent).client.withdraw() }
}

@c @implementation
public func vgpu_agent_get_text(
  _ agent: OpaquePointer!, _ timeout: UInt32,
  _ text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>!, _ size: UnsafeMutablePointer<Int>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let agent = try Agent.borrowed(agent)
    guard let text else { throw .null("text") }
    let bytes = try agent.text(patience: .milliseconds(Int64(timeout)))
    guard let copy = malloc(bytes.count + 1) else {
      throw Failure(.system, "a text of \(bytes.count) bytes: no memory left")
    }
    let room = UnsafeMutableRawBufferPointer(start: copy, count: bytes.count + 1)
    room.copyBytes(from: bytes)
    room[bytes.count] = 0
    text.pointee = copy.assumingMemoryBound(to: CChar.self)
    size?.pointee = bytes.count
  }
}

// MARK: Files

@c @implementation
public func vgpu_agent_send_files(
  _ agent: OpaquePointer!, _ paths: UnsafePointer<UnsafePointer<CChar>?>!, _ count: Int,
  _ transfer: UnsafeMutablePointer<UInt64>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let agent = try Agent.borrowed(agent)
    guard let paths else { throw .null("paths") }
    guard (1...1_000_000).contains(count) else {
      throw Failure(.argument, "count: give 1 to 1000000 paths")
    }
    var names: [String] = []
    for index in 0..<count { names.append(try CText.read(paths[index], "paths")) }
    let files = try Failure.of { () throws(AgentError) in try AgentFile.gather(names) }
    guard !files.isEmpty else {
      throw Failure(.notFound, "\(names[0]): no files in it; name files to copy")
    }
    let number = agent.send(files)
    transfer?.pointee = number
  }
}

@c @implementation
public func vgpu_agent_cancel(
  _ agent: OpaquePointer!, _ transfer: UInt64, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in try Agent.borrowed(agent).cancel(transfer) }
}
